package androidx.compose.ui.graphics

class Color {
    companion object {
        val Yellow = Color()
    }
}
