package dev.oko.example

import android.content.Context
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.view.View
import dev.oko.OkoViewport

/** Draws boxes over a PreviewView that fills the same area, cropped (FILL_CENTER). */
class BoxesView(context: Context) : View(context) {
    private var boxes = Boxes.NONE
    private val density = resources.displayMetrics.density
    private val line =
        Paint().apply {
            style = Paint.Style.STROKE
            strokeWidth = 2 * density
            color = Color.YELLOW
        }
    private val text =
        Paint().apply {
            textSize = 14 * density
            color = Color.YELLOW
            isAntiAlias = true
        }

    fun show(found: Boxes) {
        boxes = found
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val view = OkoViewport(boxes.upright, width.toFloat(), height.toFloat())
        for (box in boxes.all) {
            val (left, top, right, bottom) = view.place(box.edges)
            canvas.drawRect(left, top, right, bottom, line)
            canvas.drawText(box.text, left, top - line.strokeWidth, text)
        }
    }
}
