package androidx.compose.ui.text

import androidx.compose.ui.geometry.Offset
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.graphics.drawscope.DrawScope

class TextLayoutResult

class TextMeasurer {
    fun measure(text: String) = TextLayoutResult()
}

fun rememberTextMeasurer() = TextMeasurer()

fun DrawScope.drawText(textLayoutResult: TextLayoutResult, color: Color, topLeft: Offset) = Unit
