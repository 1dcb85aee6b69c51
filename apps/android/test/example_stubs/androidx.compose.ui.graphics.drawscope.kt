package androidx.compose.ui.graphics.drawscope

import androidx.compose.ui.geometry.Offset
import androidx.compose.ui.geometry.Size
import androidx.compose.ui.graphics.Color

sealed class DrawStyle

class Stroke(val width: Float) : DrawStyle()

interface DrawScope {
    val size: Size

    fun drawRect(color: Color, topLeft: Offset, size: Size, alpha: Float = 1f, style: DrawStyle)
}
