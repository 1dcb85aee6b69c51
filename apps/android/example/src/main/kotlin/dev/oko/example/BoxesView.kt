package dev.oko.example

import android.content.Context
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.view.View
import dev.oko.OkoDetection
import kotlin.math.max

/** Draws boxes over a preview that fills the view, centred and cropped. */
class BoxesView(context: Context) : View(context) {
    private var detections = emptyList<OkoDetection>()
    private var pictureWidth = 1
    private var pictureHeight = 1
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

    /** Boxes are in pixels of the upright image. */
    fun show(found: List<OkoDetection>, width: Int, height: Int) {
        detections = found
        pictureWidth = width
        pictureHeight = height
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val scale = max(width.toFloat() / pictureWidth, height.toFloat() / pictureHeight)
        val x = (width - pictureWidth * scale) / 2
        val y = (height - pictureHeight * scale) / 2
        for ((_, label, score, b) in detections) {
            val (left, top) = Pair(b.left * scale + x, b.top * scale + y)
            canvas.drawRect(left, top, b.right * scale + x, b.bottom * scale + y, line)
            canvas.drawText("%s %.0f%%".format(label, score * 100), left, top - line.strokeWidth, text)
        }
    }
}
