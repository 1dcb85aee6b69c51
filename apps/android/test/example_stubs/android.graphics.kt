package android.graphics

object Color {
    const val YELLOW = 0
}

class Paint {
    enum class Style { STROKE }

    var style = Style.STROKE
    var strokeWidth = 0f
    var color = 0
    var textSize = 0f
    var isAntiAlias = false
}

class Canvas {
    fun drawRect(left: Float, top: Float, right: Float, bottom: Float, paint: Paint) = Unit

    fun drawText(text: String, x: Float, y: Float, paint: Paint) = Unit
}
