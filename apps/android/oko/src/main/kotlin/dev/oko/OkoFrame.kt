package dev.oko

import java.nio.ByteBuffer

/** In the order of oko_format in oko.h. */
enum class OkoFormat { RGB, BGR, RGBA, BGRA, GREY, NV12, NV21, I420 }

enum class OkoRange { VIDEO, FULL }

enum class OkoMatrix { BT601, BT709, BT2020 }

/** A direct buffer, read from its position on; strides are in bytes. */
data class OkoPlane(val buffer: ByteBuffer, val rowStride: Int, val pixelStride: Int = 1)

/** Whole pixels as stored. */
data class OkoRegion(val left: Int, val top: Int, val width: Int, val height: Int)

/**
 * An image owned by the caller; it must stay valid during detection. Nothing is copied.
 *
 * [width] and [height] are those of the pixels as stored. [rotation] is the clockwise rotation in
 * degrees that makes the image upright, [mirror] whether it is then mirrored left to right.
 * YUV_420_888 in any of its layouts is [OkoFormat.I420] with the planes Y, U, V and their
 * pixel strides. [range] and [matrix] are for YUV; Android's cameras use JPEG's, the defaults here.
 */
data class OkoFrame(
    val format: OkoFormat,
    val width: Int,
    val height: Int,
    val planes: List<OkoPlane>,
    val rotation: Int = 0,
    val mirror: Boolean = false,
    val range: OkoRange = OkoRange.FULL,
    val matrix: OkoMatrix = OkoMatrix.BT601,
    val region: OkoRegion? = null,
) {
    /** The size of the upright image. */
    val uprightWidth: Int
        get() = if (rotation % 180 == 0) width else height

    val uprightHeight: Int
        get() = if (rotation % 180 == 0) height else width

    /** A box in the upright image, as displayed. */
    fun upright(box: OkoBox): OkoBox {
        val (left, top, right, bottom) = box
        val turned =
            when (rotation) {
                90 -> OkoBox(height - bottom, left, height - top, right)
                180 -> OkoBox(width - right, height - bottom, width - left, height - top)
                270 -> OkoBox(top, width - right, bottom, width - left)
                else -> box
            }
        if (!mirror) return turned
        return turned.copy(left = uprightWidth - turned.right, right = uprightWidth - turned.left)
    }

    internal fun numbers(): IntArray {
        fun stride(plane: Int) = planes.getOrNull(plane)?.rowStride ?: 0
        val chromaStep = planes.getOrNull(1)?.pixelStride ?: 1
        val r = region ?: OkoRegion(0, 0, 0, 0)
        return intArrayOf(
            format.ordinal, width, height, stride(0), stride(1), stride(2), chromaStep,
            range.ordinal, matrix.ordinal, rotation, if (mirror) 1 else 0,
            r.left, r.top, r.width, r.height,
        )
    }

    internal fun buffer(plane: Int): ByteBuffer? = planes.getOrNull(plane)?.buffer?.slice()
}
