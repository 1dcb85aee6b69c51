package androidx.compose.foundation.layout

import androidx.compose.ui.Modifier

interface BoxScope

fun Box(modifier: Modifier = Modifier, content: BoxScope.() -> Unit) = Unit

fun Modifier.fillMaxSize(fraction: Float = 1f): Modifier = this
