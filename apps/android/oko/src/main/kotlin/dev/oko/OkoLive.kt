package dev.oko

/** Of the threads that detect: what Android gives to what is displayed, or to the background. */
enum class OkoPriority { INHERIT, INTERACTIVE, UTILITY, BACKGROUND }

/** How an [OkoLiveDetector] works (docs/live.md). Zero means the engine's default. */
data class OkoLiveOptions(
    /** That are looked at, at most; 0: as many as can be. */
    val framesPerSecond: Double = 0.0,
    /** Milliseconds that a frame may take; 0: any time. */
    val budget: Double = 0.0,
    val thresholds: OkoThresholds = OkoThresholds(),
    /** Null: detections only. */
    val tracking: OkoTrackerOptions? = OkoTrackerOptions(),
    /** That work on a frame: 1. */
    val threads: Int = 0,
    val priority: OkoPriority = OkoPriority.INTERACTIVE,
)

/** Is called by the executor that an [OkoLiveDetector] was given, and not any more once closed. */
fun interface OkoLiveListener {
    fun onResult(result: OkoLiveResult)

    /** What the engine decides and why, in plain words; [warning]: the app should do something. */
    fun onLog(text: String, warning: Boolean) = Unit

    /** A frame could not be looked at; the next one is. Thrown in the executor by default. */
    fun onError(error: OkoException): Unit = throw error
}

/** What became of a submitted frame. */
enum class OkoTaken {
    TAKEN,
    /** Instead of one that was still waiting. */
    TAKEN_NEWER,
    /** There would be more than [OkoLiveOptions.framesPerSecond]. */
    SKIPPED_RATE,
    SKIPPED_HEAT,
    /** The live detector is closed. */
    SKIPPED_STOP,
}

/** Of all frames so far. [replaced] ones were taken, but not looked at. */
data class OkoLiveStatus(
    val taken: Long,
    val replaced: Long,
    val skippedRate: Long,
    val skippedHeat: Long,
    val lookedAt: Long,
    /** Number of the model for the next frame. */
    val model: Int,
    val heat: OkoHeat,
    /** Milliseconds a frame, smoothed. */
    val frameTime: Double,
    /** Looked at, over the last seconds. */
    val framesPerSecond: Double,
    /** Even the smallest input takes longer than the budget. */
    val overBudget: Boolean,
)

/** What was found in a frame. Lists are made when they are first asked for. */
class OkoLiveResult
internal constructor(
    numbers: DoubleArray,
    /**
     * The frame that was looked at, without its pixels: [OkoFrame.upright] and [viewport] say where
     * boxes belong on the screen.
     */
    val frame: OkoFrame,
    classNames: List<String>,
    earlier: List<OkoEvent> = emptyList(),
) {
    /** When the frame was taken. */
    val seconds = numbers[SECONDS]
    /** Of the network's input. */
    val width = numbers[WIDTH].toInt()
    val height = numbers[HEIGHT].toInt()
    /** Number of the model that was used. */
    val model = numbers[MODEL].toInt()
    /** Of models so far. */
    val swaps = numbers[SWAPS].toInt()
    /** Milliseconds from submit to the start of detection. */
    val wait = numbers[WAIT]
    val timing = OkoTiming(numbers[TIMING], numbers[TIMING + 1], numbers[TIMING + 2])

    // An object that is still followed may be of a class that models swapped in lack: those whose
    // classes have no names all look alike.
    private val all =
        OkoNumbers(numbers) { classNames.getOrElse(it) { classId -> "class $classId" } }
    private val found = numbers[COUNTS].toInt()
    private val followed = numbers[COUNTS + 1].toInt()
    private val happened = numbers[COUNTS + 2].toInt()
    private val objectsAt = HEADER + found * OkoNumbers.DETECTION
    private val eventsAt = objectsAt + followed * OkoNumbers.OBJECT

    /** Best first, boxes in the frame's own stored pixels. */
    val detections: List<OkoDetection> by lazy { all.detections(HEADER, found) }

    /** All that are followed, by their ids. */
    val objects: List<OkoObject> by lazy { all.objects(objectsAt, followed) }

    /** Since the result that the listener was given before. */
    val events: List<OkoEvent> = earlier + all.events(eventsAt, happened)

    /** Of each line and zone, by its number. */
    val counts: List<OkoCounts> by lazy {
        all.counts(eventsAt + happened * OkoNumbers.EVENT)
    }

    // The order of OkoNative.next().
    internal companion object {
        const val STOPPED = 0
        const val FOUND = 1
        const val SECONDS = 2
        private const val WIDTH = 3
        private const val HEIGHT = 4
        private const val MODEL = 5
        const val SWAPS = 6
        private const val WAIT = 7
        private const val TIMING = 8
        private const val COUNTS = 11
        private const val HEADER = 14
    }
}
