package dev.oko

/**
 * Gives detections of successive frames ids that stay with an object, also while it is hidden for a
 * moment, and counts objects that cross lines or are in zones (docs/tracking.md). `seconds` is when
 * a frame was taken, on any clock that does not go back. Calls from several threads wait for each
 * other. A camera's app uses [OkoLiveDetector], which has a tracker of its own.
 */
class OkoTracker @JvmOverloads constructor(options: OkoTrackerOptions = OkoTrackerOptions()) :
    AutoCloseable {
    private var handle =
        with(options) {
            OkoNative.createTracker(maxObjects, lowScore, lostSeconds, confirm, smoothing)
        }
    // Of the classes seen so far: objects that are hidden have no detection to name them.
    private val labels = HashMap<Int, String>()
    private var labelled: OkoDetector? = null

    /**
     * Detects in a frame, and returns all objects that are known by now, by their ids. Scores of
     * [thresholds] are those of new objects.
     */
    @Synchronized
    @JvmOverloads
    fun detect(
        detector: OkoDetector,
        frame: OkoFrame,
        seconds: Double,
        thresholds: OkoThresholds = OkoThresholds(),
    ): List<OkoObject> {
        if (labelled !== detector) {
            detector.labels.forEachIndexed { i, label -> labels[i] = label }
            labelled = detector
        }
        val t = thresholds
        val found =
            detector.withHandle {
                OkoNative.trackDetect(
                    opened(), it, frame.buffer(0), frame.buffer(1), frame.buffer(2),
                    frame.numbers(), seconds, t.score, t.iou, t.nms.ordinal, t.softSigma,
                    t.maxDetections, t.classScores?.toFloatArray(),
                )
            }
        return OkoNumbers(found, ::label).objects(0, found.size / OkoNumbers.OBJECT)
    }

    /**
     * The same for detections that come from elsewhere, best with low scores too. Of [thresholds]
     * only the scores are used.
     */
    @Synchronized
    @JvmOverloads
    fun update(
        detections: List<OkoDetection>,
        seconds: Double,
        thresholds: OkoThresholds = OkoThresholds(),
    ): List<OkoObject> {
        val given = FloatArray(detections.size * OkoNumbers.DETECTION)
        var at = 0
        for (d in detections) {
            labels[d.classId] = d.label
            given[at++] = d.classId.toFloat()
            given[at++] = d.score
            given[at++] = d.box.left
            given[at++] = d.box.top
            given[at++] = d.box.right
            given[at++] = d.box.bottom
        }
        labelled = null
        val scores = thresholds.classScores?.toFloatArray()
        val found = OkoNative.trackUpdate(opened(), given, seconds, thresholds.score, scores)
        return OkoNumbers(found, ::label).objects(0, found.size / OkoNumbers.OBJECT)
    }

    /** What happened in the last frame. */
    @Synchronized
    fun events(): List<OkoEvent> {
        val found = OkoNative.trackerEvents(opened())
        return OkoNumbers(found, ::label).events(0, found.size / OkoNumbers.EVENT)
    }

    /**
     * Counts objects whose centre crosses a line: from its left to its right, as one goes along it,
     * is in. Points are in pixels as boxes have them, [classId] null: of all classes. Returns the
     * line's number. Up to 16 lines and zones.
     */
    @Synchronized
    @JvmOverloads
    fun addLine(from: OkoPoint, to: OkoPoint, classId: Int? = null): Int =
        OkoNative.addLine(counters(), from.x, from.y, to.x, to.y, classId ?: ALL)

    /** Counts objects whose centre is inside a polygon. Returns the zone's number. */
    @Synchronized
    @JvmOverloads
    fun addZone(corners: List<OkoPoint>, classId: Int? = null): Int =
        OkoNative.addZone(counters(), corners.toNumbers(), classId ?: ALL)

    /** Of the line or zone with this number. */
    @Synchronized
    fun counts(counter: Int): OkoCounts =
        OkoNumbers(OkoNative.counts(counters(), counter), ::label).counts(0).first()

    /**
     * For another camera or clip: all objects are forgotten and all counts are 0. Lines and zones
     * stay, and no id is given twice.
     */
    @Synchronized fun reset() = OkoNative.resetTracker(opened())

    @Synchronized
    override fun close() {
        OkoNative.destroyTracker(handle)
        handle = 0
    }

    private fun label(classId: Int) = labels[classId] ?: "class $classId"

    private fun counters() = OkoNative.countersOfTracker(opened())

    private fun opened(): Long {
        check(handle != 0L) { "the tracker is closed" }
        return handle
    }

    internal companion object {
        const val ALL = -1

        fun List<OkoPoint>.toNumbers(): FloatArray =
            FloatArray(2 * size) { if (it % 2 == 0) this[it / 2].x else this[it / 2].y }
    }
}
