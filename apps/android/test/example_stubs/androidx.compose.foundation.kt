package androidx.compose.foundation

import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.drawscope.DrawScope

fun Canvas(modifier: Modifier, onDraw: DrawScope.() -> Unit) = Unit
