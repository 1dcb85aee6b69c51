package dev.oko

import android.graphics.ImageFormat
import android.graphics.Rect
import androidx.camera.core.ImageInfo
import androidx.camera.core.ImageProxy
import dev.oko.Reference.HEIGHT
import dev.oko.Reference.PIXELS
import dev.oko.Reference.WIDTH
import java.nio.ByteBuffer

internal class Plane(private val bytes: ByteBuffer, private val row: Int, private val pixel: Int) :
    ImageProxy.PlaneProxy {
    override fun getRowStride() = row

    override fun getPixelStride() = pixel

    override fun getBuffer() = bytes
}

internal class Image(
    private val layout: Int,
    private val size: Pair<Int, Int>,
    private val bytes: List<Plane>,
    private val rotation: Int = 0,
    private val crop: Rect = Rect(0, 0, size.first, size.second),
) : ImageProxy {
    override fun close() = Unit

    override fun getCropRect() = crop

    override fun getFormat() = layout

    override fun getWidth() = size.first

    override fun getHeight() = size.second

    override fun getPlanes(): Array<ImageProxy.PlaneProxy> = bytes.toTypedArray()

    override fun getImageInfo() = ImageInfo { rotation }
}

/** The reference frame as most cameras give it: U and V in shared memory. */
internal fun Reference.cameraImage(crop: Rect = Rect(0, 0, WIDTH, HEIGHT)): Image {
    val y = bytes("nv21", 0, PIXELS)
    val v = bytes("nv21", PIXELS, PIXELS * 3 / 2 - 1)
    val u = bytes("nv21", PIXELS + 1, PIXELS * 3 / 2)
    val planes = listOf(Plane(y, WIDTH, 1), Plane(u, WIDTH, 2), Plane(v, WIDTH, 2))
    return Image(ImageFormat.YUV_420_888, Pair(WIDTH, HEIGHT), planes, 0, crop)
}
