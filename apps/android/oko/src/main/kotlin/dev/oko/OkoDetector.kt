package dev.oko

enum class OkoNms { PER_CLASS, AGNOSTIC, SOFT }

/** Zero means the engine's default, as in oko.h. */
data class OkoThresholds(
    /** Minimum score of all classes; 0: the model's own for each, else 0.25. */
    val score: Float = 0f,
    val iou: Float = 0f,
    val nms: OkoNms = OkoNms.PER_CLASS,
    val softSigma: Float = 0f,
    val maxDetections: Int = 0,
    /** Minimum score per class, instead of [score]. */
    val classScores: List<Float>? = null,
)

/** Edges in pixels, or fractions of the width and height when [normalised]. */
data class OkoBox(val left: Float, val top: Float, val right: Float, val bottom: Float) {
    fun normalised(width: Int, height: Int) =
        OkoBox(left / width, top / height, right / width, bottom / height)
}

data class OkoDetection(val classId: Int, val label: String, val score: Float, val box: OkoBox)

/** Milliseconds. */
data class OkoTiming(val prepare: Double, val network: Double, val decode: Double)

/**
 * Detects objects in frames. Calls from several threads wait for each other; for concurrent frames
 * create several detectors, which share the model's weights. [threads] work on one frame.
 * [tiles], 2 to 16, also looks at tiles × tiles overlapping parts of each frame, for small objects.
 */
class OkoDetector @JvmOverloads constructor(
    model: OkoModel,
    threads: Int = 1,
    tiles: Int = 1,
) : AutoCloseable {
    internal val labels = model.classNames
    private var handle = model.createDetector(threads, tiles)

    /** Best first, boxes in the frame's own stored pixels. */
    @Synchronized
    @JvmOverloads
    fun detect(frame: OkoFrame, thresholds: OkoThresholds = OkoThresholds()): List<OkoDetection> {
        val t = thresholds
        val found =
            OkoNative.detect(
                opened(), frame.buffer(0), frame.buffer(1), frame.buffer(2), frame.numbers(),
                t.score, t.iou, t.nms.ordinal, t.softSigma, t.maxDetections,
                t.classScores?.toFloatArray(),
            )
        return List(found.size / NUMBERS) { i ->
            val at = i * NUMBERS
            val classId = found[at].toInt()
            val box = OkoBox(found[at + 2], found[at + 3], found[at + 4], found[at + 5])
            OkoDetection(classId, labels[classId], found[at + 1], box)
        }
    }

    /** Where the time of the last frame went. */
    @Synchronized
    fun timing(): OkoTiming {
        val (prepare, network, decode) = OkoNative.timing(opened())
        return OkoTiming(prepare, network, decode)
    }

    @Synchronized
    override fun close() {
        OkoNative.destroyDetector(handle)
        handle = 0
    }

    /** For a tracker. */
    @Synchronized internal fun <R> withHandle(call: (Long) -> R): R = call(opened())

    private fun opened(): Long {
        check(handle != 0L) { "the detector is closed" }
        return handle
    }

    private companion object {
        const val NUMBERS = 6
    }
}
