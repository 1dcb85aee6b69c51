package androidx.compose.foundation.text

import androidx.compose.ui.Modifier

fun BasicText(text: String, modifier: Modifier = Modifier) = Unit
