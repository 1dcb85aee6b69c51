package dev.oko

import android.content.Context
import android.content.res.AssetManager
import android.graphics.PixelFormat
import android.graphics.Rect
import dev.oko.Reference.HEIGHT
import dev.oko.Reference.PIXELS
import dev.oko.Reference.WIDTH
import dev.oko.Reference.check
import java.io.File
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.coroutines.Continuation
import kotlin.coroutines.EmptyCoroutineContext
import kotlin.coroutines.startCoroutine
import kotlin.math.abs

private class OkoTest(private val reference: Reference) {
    private val model = OkoModel.open(reference.model.toFile())

    private fun cameraImage(crop: Rect = Rect(0, 0, WIDTH, HEIGHT)) = reference.cameraImage(crop)

    // The clip has video range, unlike camera images.
    private fun frame() = cameraImage().toOkoFrame().copy(range = OkoRange.VIDEO)

    private fun numbers(found: List<OkoDetection>) =
        found
            .flatMap { d ->
                listOf(d.classId.toFloat(), d.score) +
                    with(d.box) { listOf(left, top, right, bottom) }
            }
            .toFloatArray()

    fun findsTheBottlesOfACameraImage() {
        OkoDetector(model, threads = 2).use { detector ->
            val found = detector.detect(frame())
            reference.expectAlike(numbers(found))
            check(found.all { it.label == "bottle" }, "labels")
            check(detector.timing().network > 0, "the network takes time")
            check(detector.detect(cameraImage()).size == 3, "the image itself")
            val none = detector.detect(frame(), OkoThresholds(score = .999f))
            check(none.isEmpty(), "the threshold counts")
            // Bytes before a buffer's position are not part of the frame.
            val (y, u, v) = frame().planes
            val late = ByteBuffer.allocateDirect(7 + PIXELS)
            late.position(7)
            late.put(y.buffer.duplicate()).position(7)
            val moved = frame().copy(planes = listOf(y.copy(buffer = late), u, v))
            check(detector.detect(moved) == found, "a buffer's position counts")
        }
    }

    fun looksOnlyAtTheCropOfAnImage() {
        OkoDetector(model).use { detector ->
            val found = detector.detect(cameraImage(crop = Rect(240, 0, 440, HEIGHT)))
            val inside = found.all { it.box.left >= 240 && it.box.right <= 440 }
            check(found.isNotEmpty() && inside, "boxes in the crop")
        }
    }

    fun boxesOfATurnedImageStandUpright() {
        // RGBA pixels of a grey image rotated 90 degrees anticlockwise: as stored by a phone held
        // upright, to be rotated clockwise by 90.
        val y = reference.bytes("nv12", 0, PIXELS)
        val upright = ByteBuffer.allocateDirect(4 * PIXELS)
        val turned = ByteBuffer.allocateDirect(4 * PIXELS)
        for (row in 0 until HEIGHT) {
            for (column in 0 until WIDTH) {
                val value = y[row * WIDTH + column]
                for (channel in 0 until 4) {
                    upright.put(4 * (row * WIDTH + column) + channel, value)
                    val place = (WIDTH - 1 - column) * HEIGHT + row
                    turned.put(4 * place + channel, value)
                }
            }
        }
        val rgba = PixelFormat.RGBA_8888
        val straight = Image(rgba, Pair(WIDTH, HEIGHT), listOf(Plane(upright, 4 * WIDTH, 4)))
        val tall = Image(rgba, Pair(HEIGHT, WIDTH), listOf(Plane(turned, 4 * HEIGHT, 4)), 90)
        OkoDetector(model).use { detector ->
            val expected = detector.detect(straight).map { it.box }
            val frame = tall.toOkoFrame()
            check(frame.uprightWidth == WIDTH && frame.uprightHeight == HEIGHT, "upright size")
            val stored = detector.detect(tall).map { it.box }
            check(expected.size >= 3, "objects in the grey image")
            check(stored.all { it.right <= HEIGHT && it.bottom <= WIDTH }, "boxes as stored")
            expectSame(stored.map(frame::upright), expected)

            val mirrored = frame.copy(mirror = true)
            val seen = mirrored.upright(stored[0])
            check(abs(seen.left - (WIDTH - expected[0].right)) < .1f, "mirrored")
        }
        for (rotation in listOf(0, 90, 180, 270)) {
            val frame = OkoFrame(OkoFormat.RGBA, 40, 30, emptyList(), rotation)
            val all = frame.upright(OkoBox(0f, 0f, 40f, 30f))
            val size = Pair(frame.uprightWidth.toFloat(), frame.uprightHeight.toFloat())
            check(all == OkoBox(0f, 0f, size.first, size.second), "all of it at $rotation")
        }
        check(OkoBox(10f, 3f, 20f, 6f).normalised(40, 30) == OkoBox(.25f, .1f, .5f, .2f), "shares")
    }

    fun boxesAreDrawnWhereThePreviewShowsThem() {
        // Held upright, a phone shows 1080 x 2160 of a sensor's 640 x 480 turned: the crop of it.
        val crop = OkoRegion(0, 120, 480, 240)
        val frame =
            OkoFrame(OkoFormat.RGBA, 640, 480, emptyList(), rotation = 90, region = crop)
        val view = frame.viewport(1080, 2160)
        check(view.shown == OkoBox(120f, 0f, 360f, 480f), "the crop, upright")
        val whole = frame.upright(OkoBox(0f, 120f, 480f, 360f))
        check(view.place(whole) == OkoBox(0f, 0f, 1080f, 2160f), "all of it fills the view")
        val corner = view.place(frame.upright(OkoBox(0f, 340f, 20f, 360f)))
        check(corner == OkoBox(0f, 0f, 90f, 90f), "the stored left bottom is on the left top")
        val mirrored = frame.copy(mirror = true)
        val other = mirrored.viewport(1080, 2160)
        val right = other.place(mirrored.upright(OkoBox(0f, 340f, 20f, 360f)))
        check(right == OkoBox(990f, 0f, 1080f, 90f), "mirrored it is on the right")

        val plain = OkoFrame(OkoFormat.RGBA, 200, 100, emptyList())
        val all = OkoBox(0f, 0f, 200f, 100f)
        val fits = plain.viewport(100, 100, OkoScale.FIT_CENTER).place(all)
        check(fits == OkoBox(0f, 25f, 100f, 75f), "bars above and below")
        val fills = plain.viewport(100, 100).place(all)
        check(fills == OkoBox(-50f, 0f, 150f, 100f), "cropped on the left and the right")
    }

    fun modelsOpenInAnotherThread() {
        val file = reference.model.toFile()
        val done = CountDownLatch(2)
        var opened: Result<String>? = null
        var refused: Result<String>? = null
        suspend fun nameOf(path: File): String {
            var opener = Thread.currentThread()
            val open = {
                opener = Thread.currentThread()
                OkoModel.open(path)
            }
            val name = okoOpen(open = open).use { it.name }
            check(opener.isDaemon && opener.name == "oko", "not in the caller's thread")
            return name
        }
        fun start(path: File, end: (Result<String>) -> Unit) =
            suspend { nameOf(path) }.startCoroutine(Continuation(EmptyCoroutineContext) {
                end(it)
                done.countDown()
            })
        start(file) { opened = it }
        start(File("/no/such.oko")) { refused = it }
        check(done.await(60, TimeUnit.SECONDS), "both end")
        check(opened?.getOrNull() == model.name, "the model")
        check(refused?.exceptionOrNull() is OkoException, "what opening throws")
    }

    private fun expectSame(found: List<OkoBox>, expected: List<OkoBox>) {
        check(found.size == expected.size, "the same number of boxes")
        for ((a, b) in found zip expected) {
            val same = abs(a.left - b.left) < .1f && abs(a.top - b.top) < .1f &&
                abs(a.right - b.right) < .1f && abs(a.bottom - b.bottom) < .1f
            check(same, "$a is not $b")
        }
    }

    fun modelsOpenFromFilesBuffersAndAssets() {
        val file = reference.model.toFile()
        val context = object : Context() {
            override fun getAssets() = AssetManager(file.parentFile)
        }
        val mapped = FileChannel.open(file.toPath()).use {
            it.map(FileChannel.MapMode.READ_ONLY, 0, it.size())
        }
        for (opened in listOf(OkoModel.open(mapped), OkoModel.openAsset(context, file.name))) {
            val detector = opened.use { OkoDetector(it) }  // it outlives its model
            detector.use { reference.expectAlike(numbers(it.detect(frame()))) }
        }
        check(model.classNames[39] == "bottle" && model.classNames.size == 80, "class names")
        check(model.width == 320 && model.precision == OkoPrecision.FLOAT32, "the input")
        check(model.weightBytes > 0 && model.detectorBytes > 0 && !model.cacheHit, "memory")
        OkoModel.open(file, OkoModelOptions(target = "scalar")).use {
            check(it.target == "scalar", "the target asked for")
        }
    }

    fun closedMeansClosed() {
        val detector = OkoDetector(model)
        detector.close()
        detector.close()
        val refused = runCatching { detector.detect(frame()) }.exceptionOrNull()
        check(refused is IllegalStateException, "a closed detector")
        model.close()
        model.close()
        val gone = runCatching { OkoDetector(model) }.exceptionOrNull()
        check(gone is IllegalStateException, "a closed model")
        val missing = runCatching { OkoModel.open(File("/no/such.oko")) }.exceptionOrNull()
        check(missing is OkoException && missing.status == OkoException.BAD_MODEL, "a missing file")
    }
}

fun main(arguments: Array<String>) {
    with(OkoTest(Reference(arguments))) {
        findsTheBottlesOfACameraImage()
        looksOnlyAtTheCropOfAnImage()
        boxesOfATurnedImageStandUpright()
        boxesAreDrawnWhereThePreviewShowsThem()
        modelsOpenFromFilesBuffersAndAssets()
        modelsOpenInAnotherThread()
        closedMeansClosed()
    }
    println("all passed")
}
