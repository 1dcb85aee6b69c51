package dev.oko

/** [HIDDEN]: not found in this frame; its box is where it should be by now. */
enum class OkoObjectState { SEEN, HIDDEN }

/**
 * An object that is followed. [id] counts from 1, and no other object of the same tracker ever has
 * it. [score] is that of its last detection. [box] is in the frame's own stored pixels, smoothed,
 * and not clipped to the frame. Its centre moves by [velocityX] and [velocityY] pixels a second.
 * [age] and [hidden] are seconds since it was first and last seen.
 */
data class OkoObject(
    val id: Long,
    val classId: Int,
    val label: String,
    val state: OkoObjectState,
    val score: Float,
    val box: OkoBox,
    val velocityX: Float,
    val velocityY: Float,
    val age: Double,
    val hidden: Double,
)

/**
 * Objects are shown ([APPEARED]), hidden ([LOST]), seen again ([FOUND]), or hidden for too long
 * ([GONE]). They come [IN] or go [OUT] across a line, or of a zone.
 */
enum class OkoEventKind { APPEARED, LOST, FOUND, GONE, IN, OUT }

/** [objectId] is the id of its object, [counter] the number of the line or zone, else -1. */
data class OkoEvent(
    val kind: OkoEventKind,
    val classId: Int,
    val label: String,
    val objectId: Long,
    val counter: Int,
)

/** Of a line or zone. [inside] is that of a zone, now. */
data class OkoCounts(val incoming: Long, val outgoing: Long, val inside: Int)

data class OkoPoint(val x: Float, val y: Float)

/** Zero means the engine's default, as in oko.h. */
data class OkoTrackerOptions(
    /** Followed at a time: 1 to 4096, 256. */
    val maxObjects: Int = 0,
    /** Detections above it continue objects that were just seen: .1. Negative: any. */
    val lowScore: Float = 0f,
    /** An object that was not seen for longer is gone: 1.5 seconds. */
    val lostSeconds: Double = 0.0,
    /** Detections in a row before an object is shown: 2. */
    val confirm: Int = 0,
    /** Of boxes, up to 10: above 1 calmer, below quicker. */
    val smoothing: Float = 0f,
)

/** Reads the arrays of OkoNative, with the names of the classes. */
internal class OkoNumbers(private val numbers: DoubleArray, private val label: (Int) -> String) {
    fun detections(from: Int, count: Int) =
        List(count) { i ->
            val at = from + i * DETECTION
            val classId = numbers[at].toInt()
            OkoDetection(classId, label(classId), numbers[at + 1].toFloat(), box(at + 2))
        }

    fun objects(from: Int, count: Int) =
        List(count) { i ->
            val at = from + i * OBJECT
            val classId = numbers[at + 1].toInt()
            OkoObject(
                id = numbers[at].toLong(),
                classId = classId,
                label = label(classId),
                state = OkoObjectState.entries[numbers[at + 2].toInt()],
                score = numbers[at + 3].toFloat(),
                box = box(at + 4),
                velocityX = numbers[at + 8].toFloat(),
                velocityY = numbers[at + 9].toFloat(),
                age = numbers[at + 10],
                hidden = numbers[at + 11],
            )
        }

    fun events(from: Int, count: Int) =
        List(count) { i ->
            val at = from + i * EVENT
            val classId = numbers[at + 1].toInt()
            val kind = OkoEventKind.entries[numbers[at].toInt()]
            val (objectId, counter) = Pair(numbers[at + 2].toLong(), numbers[at + 3].toInt())
            OkoEvent(kind, classId, label(classId), objectId, counter)
        }

    fun counts(from: Int) =
        List((numbers.size - from) / COUNTS) { i ->
            val at = from + i * COUNTS
            val (incoming, outgoing) = Pair(numbers[at].toLong(), numbers[at + 1].toLong())
            OkoCounts(incoming, outgoing, numbers[at + 2].toInt())
        }

    private fun box(at: Int): OkoBox {
        fun edge(i: Int) = numbers[at + i].toFloat()
        return OkoBox(edge(0), edge(1), edge(2), edge(3))
    }

    companion object {
        const val DETECTION = 6
        const val OBJECT = 12
        const val EVENT = 4
        private const val COUNTS = 3
    }
}
