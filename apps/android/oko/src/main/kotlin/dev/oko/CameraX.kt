package dev.oko

import android.graphics.ImageFormat
import android.graphics.PixelFormat
import androidx.camera.core.ImageProxy

/**
 * The image as a frame over its own planes: valid until the image is closed. [mirror] is for front
 * cameras, where upright should mean what the user sees on the screen.
 */
fun ImageProxy.toOkoFrame(mirror: Boolean = false): OkoFrame {
    val layout =
        when (format) {
            ImageFormat.YUV_420_888 -> OkoFormat.I420
            PixelFormat.RGBA_8888 -> OkoFormat.RGBA
            else -> throw IllegalArgumentException("images of format $format are not supported")
        }
    return OkoFrame(
        format = layout,
        width = width,
        height = height,
        planes = planes.map { OkoPlane(it.buffer, it.rowStride, it.pixelStride) },
        rotation = imageInfo.rotationDegrees,
        mirror = mirror,
        region = with(cropRect) { OkoRegion(left, top, width(), height()) },
    )
}

/** Boxes are in the image's own pixels; [OkoFrame.upright] converts them to the upright image. */
fun OkoDetector.detect(
    image: ImageProxy,
    thresholds: OkoThresholds = OkoThresholds(),
    mirror: Boolean = false,
): List<OkoDetection> = detect(image.toOkoFrame(mirror), thresholds)

/**
 * For the analyzer of a camera, which closes the image when this returns:
 *
 *     analysis.setAnalyzer(executor) { image -> image.use { live.submit(it) } }
 *
 * The frame's time is now: the images' own timestamps are of clocks that differ between cameras.
 */
fun OkoLiveDetector.submit(image: ImageProxy, mirror: Boolean = false): OkoTaken =
    submit(image.toOkoFrame(mirror))
