package dev.oko

import kotlin.math.max
import kotlin.math.min

/** How an image fills a view, as PreviewView.ScaleType: cropped, or with empty bars. */
enum class OkoScale { FILL_CENTER, FIT_CENTER }

/**
 * Where a view shows an upright image. [shown] is the part of the image that the view shows; see
 * [OkoFrame.viewport]. [width] and [height] are the view's, in its pixels.
 */
data class OkoViewport(
    val shown: OkoBox,
    val width: Float,
    val height: Float,
    val scale: OkoScale = OkoScale.FILL_CENTER,
) {
    /** A box of the upright image in the view's pixels; it may reach beyond the view. */
    fun place(box: OkoBox): OkoBox {
        val across = width / (shown.right - shown.left)
        val down = height / (shown.bottom - shown.top)
        val factor = if (scale == OkoScale.FILL_CENTER) max(across, down) else min(across, down)
        val left = (width - (shown.right - shown.left) * factor) / 2
        val top = (height - (shown.bottom - shown.top) * factor) / 2
        return OkoBox(
            left + (box.left - shown.left) * factor,
            top + (box.top - shown.top) * factor,
            left + (box.right - shown.left) * factor,
            top + (box.bottom - shown.top) * factor,
        )
    }
}

/**
 * Of a view that shows the frame's region, or the whole frame, upright. With CameraX that is what a
 * PreviewView shows if preview and analysis are bound in one UseCaseGroup with the view's viewPort:
 * then the image's crop rectangle is what the user sees.
 */
fun OkoFrame.viewport(
    viewWidth: Int,
    viewHeight: Int,
    scale: OkoScale = OkoScale.FILL_CENTER,
): OkoViewport {
    val r = region ?: OkoRegion(0, 0, width, height)
    val edges =
        OkoBox(
            r.left.toFloat(),
            r.top.toFloat(),
            (r.left + r.width).toFloat(),
            (r.top + r.height).toFloat(),
        )
    return OkoViewport(upright(edges), viewWidth.toFloat(), viewHeight.toFloat(), scale)
}
