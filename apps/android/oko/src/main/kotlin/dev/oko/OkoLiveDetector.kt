package dev.oko

import android.content.Context
import android.os.Process
import android.util.Log
import dev.oko.OkoTracker.Companion.ALL
import dev.oko.OkoTracker.Companion.toNumbers
import java.util.concurrent.Executor
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.Semaphore
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.atomic.AtomicReference
import java.util.concurrent.locks.ReentrantLock
import java.util.concurrent.locks.ReentrantReadWriteLock
import kotlin.concurrent.read
import kotlin.concurrent.withLock
import kotlin.concurrent.write

/**
 * Detection beside a camera that gives more frames than can be looked at (docs/live.md). The
 * camera's thread submits frames; a thread of this object's own looks at the newest, keeps to the
 * budget of [OkoLiveOptions], and gives results to [listener] by [executor]. Where that is slower,
 * the listener gets the newest result.
 *
 * [models] are one model opened at one or more input sizes, the largest first; they may be closed
 * afterwards. [context] tells how hot the phone is, from Android 10 (API 29) on, and when memory is
 * short; null: the app calls [setHeat] and [trim].
 */
class OkoLiveDetector
@JvmOverloads
constructor(
    context: Context?,
    models: List<OkoModel>,
    private val executor: Executor,
    private val listener: OkoLiveListener,
    options: OkoLiveOptions = OkoLiveOptions(),
) : AutoCloseable {
    init {
        require(models.isNotEmpty()) { "a live detector needs a model" }
    }

    private val closed = AtomicBoolean()
    private val submitting = Any()
    private val frames = SubmittedFrames()
    private val arrived = Semaphore(0)
    // Held while a frame is looked at, or lines and zones are used: both are the tracker's.
    // Fair, because the next frame may be there already.
    private val turn = ReentrantLock(true)
    private var counters = 0
    private val pending = AtomicReference<OkoLiveResult?>()

    // Class names by the number of swaps so far.
    @Volatile private var labels = listOf(models.first().classNames)
    private var labelsBefore = labels.first()
    private val swapping = Any()

    private val priority = options.priority
    // Is read while the handle is used, and written to destroy it.
    private val lifetime = ReentrantReadWriteLock()
    private var handle = create(models, options)
    private val phone = context?.let { PhoneState(it, this) }

    init {
        Thread(::run, "oko-live").start()
    }

    /**
     * For the camera's thread. The engine copies what it needs of the frame, which takes a tenth of
     * a millisecond to one, and [frame] may be closed when this returns. [seconds]: when it was
     * taken, on a clock that does not go back, also where another camera is chosen.
     */
    @JvmOverloads
    fun submit(frame: OkoFrame, seconds: Double = now()): OkoTaken =
        synchronized(submitting) {
            if (closed.get()) return OkoTaken.SKIPPED_STOP
            lifetime.read {
                if (handle == 0L) return OkoTaken.SKIPPED_STOP
                val taken = frames.submit(frame, seconds) { submit(handle, frame, seconds) }
                if (taken <= OkoTaken.TAKEN_NEWER) arrived.release()
                taken
            }
        }

    private fun submit(live: Long, frame: OkoFrame, seconds: Double): OkoTaken {
        val numbers = frame.numbers()
        val taken =
            OkoNative.submit(
                live, frame.buffer(0), frame.buffer(1), frame.buffer(2), numbers, seconds,
            )
        return OkoTaken.entries[taken]
    }

    /**
     * Counts objects whose centre crosses a line, in all results from now on: see
     * [OkoTracker.addLine]. This and the next two wait for the frame that is looked at.
     */
    @JvmOverloads
    fun addLine(from: OkoPoint, to: OkoPoint, classId: Int? = null): Int =
        addCounter { OkoNative.addLine(it, from.x, from.y, to.x, to.y, classId ?: ALL) }

    /** Counts objects whose centre is inside a polygon: see [OkoTracker.addZone]. */
    @JvmOverloads
    fun addZone(corners: List<OkoPoint>, classId: Int? = null): Int =
        addCounter { OkoNative.addZone(it, corners.toNumbers(), classId ?: ALL) }

    private fun addCounter(add: (Long) -> Int): Int =
        tracking { live ->
            val tracker = OkoNative.countersOfLive(live)
            check(tracker != 0L) { "the live detector does not track" }
            add(tracker).also { counters = it + 1 }
        }

    /** For another camera: see [OkoTracker.reset]. */
    fun reset() = tracking { OkoNative.resetLive(it) }

    /** How hot the phone is, for apps that give no context. */
    fun setHeat(heat: OkoHeat) {
        lifetime.read { if (handle != 0L) OkoNative.setHeat(handle, heat.ordinal) }
    }

    /**
     * Other thresholds than those of [OkoLiveOptions], from the next frame on that is looked at;
     * objects keep their ids. They stay for models that come later: [swap] and [revert] throw an
     * OkoException where [OkoThresholds.classScores] has another number of classes. If these are
     * invalid, those before stay.
     */
    fun setThresholds(thresholds: OkoThresholds) = opened {
        val t = thresholds
        OkoNative.setLiveThresholds(
            it, t.score, t.iou, t.nms.ordinal, t.softSigma, t.maxDetections,
            t.classScores?.toFloatArray(),
        )
    }

    /**
     * Frees the buffers of inputs that are not in use, and the models before the last swap. Waits
     * for the frame that is looked at.
     */
    fun trim() {
        lifetime.read { if (handle != 0L) OkoNative.trimLive(handle) }
    }

    /**
     * Puts other models in place of those in use, between two frames. Each is tried on an empty
     * image first, which takes as long as a frame: if anything fails, those in use stay. Where
     * names of classes differ, all objects are forgotten. Not for the main thread.
     */
    fun swap(models: List<OkoModel>) =
        replace({ models.firstOrNull()?.classNames ?: emptyList() }) { live ->
            OkoModel.useAll(models) { OkoNative.swapLive(live, it) }
        }

    /** Back to the models before the last swap; an OkoException if there are none any more. */
    fun revert() = replace(::labelsBefore) { OkoNative.revertLive(it) }

    fun status(): OkoLiveStatus {
        val numbers = opened { OkoNative.liveStatus(it) }
        fun number(index: Int) = numbers[index].toLong()
        return OkoLiveStatus(
            taken = number(0),
            replaced = number(1),
            skippedRate = number(2),
            skippedHeat = number(3),
            lookedAt = number(4),
            model = numbers[5].toInt(),
            heat = OkoHeat.entries[numbers[6].toInt()],
            frameTime = numbers[7],
            framesPerSecond = numbers[8],
            overBudget = numbers[9] != 0.0,
        )
    }

    /**
     * Returns at once, in any thread, also while a frame is submitted or looked at. Frames that
     * come later are skipped. In the executor's own thread: the listener is not called any more.
     */
    override fun close() {
        if (closed.getAndSet(true)) return
        phone?.close()
        lifetime.read { if (handle != 0L) OkoNative.stopLive(handle) }
        arrived.release()
    }

    // ---- The thread that detects, which destroys what it used -----------------------------------

    private fun run() {
        try {
            setPriority(priority)
            do {
                val more = lookAtNext()
            } while (more)
        } finally {
            lifetime.write {
                OkoNative.destroyLive(handle)
                handle = 0
            }
        }
    }

    // Waits for a frame here and not in the engine, so as not to wait during its turn.
    private fun lookAtNext(): Boolean {
        arrived.acquireUninterruptibly()
        arrived.drainPermits()
        val numbers =
            try {
                turn.withLock { OkoNative.next(handle, 0.0, counters) }
            } catch (e: OkoException) {
                execute { listener.onError(e) }
                return true
            }
        if (numbers[OkoLiveResult.FOUND] != 0.0) deliver(numbers)
        return numbers[OkoLiveResult.STOPPED] == 0.0
    }

    private fun deliver(numbers: DoubleArray) {
        val frame = frames.lookedAt(numbers[OkoLiveResult.SECONDS])
        val names = labels[numbers[OkoLiveResult.SWAPS].toInt()]
        // Events of a result that the executor had no time for are not lost.
        val before =
            pending.getAndUpdate {
                OkoLiveResult(numbers, frame, names, it?.events ?: emptyList())
            }
        if (before == null) execute { pending.getAndSet(null)?.let(listener::onResult) }
    }

    private fun execute(task: () -> Unit) {
        try {
            executor.execute { if (!closed.get()) task() }
        } catch (shutDown: RejectedExecutionException) {
            pending.set(null)  // nobody listens any more
        }
    }

    // The engine must not see what an executor throws that runs the listener in this thread.
    private fun log(warning: Boolean, text: ByteArray) {
        try {
            execute { listener.onLog(text.decodeToString(), warning) }
        } catch (e: Throwable) {
            val thread = Thread.currentThread()
            thread.uncaughtExceptionHandler?.uncaughtException(thread, e)
        }
    }

    // As the engine has it for the other threads that work on a frame.
    private fun setPriority(priority: OkoPriority) {
        val nice =
            when (priority) {
                OkoPriority.INHERIT -> return
                OkoPriority.INTERACTIVE -> Process.THREAD_PRIORITY_DISPLAY
                OkoPriority.UTILITY -> UTILITY
                OkoPriority.BACKGROUND -> Process.THREAD_PRIORITY_BACKGROUND
            }
        try {
            Process.setThreadPriority(nice)
        } catch (denied: SecurityException) {
            Log.w("oko", "the thread that detects keeps its priority", denied)
        }
    }

    // ---- Handles --------------------------------------------------------------------------------

    private fun create(models: List<OkoModel>, o: OkoLiveOptions): Long {
        val t = o.thresholds
        val tracker = o.tracking ?: OkoTrackerOptions()
        return OkoModel.useAll(models) {
            OkoNative.createLive(
                it, o.threads, o.priority.ordinal, o.budget, o.framesPerSecond, t.score, t.iou,
                t.nms.ordinal, t.softSigma, t.maxDetections, t.classScores?.toFloatArray(),
                o.tracking != null, tracker.maxObjects, tracker.lowScore, tracker.lostSeconds,
                tracker.confirm, tracker.smoothing,
                ::log,
            )
        }
    }

    private fun replace(names: () -> List<String>, replace: (Long) -> Unit): Unit =
        synchronized(swapping) {
            opened { live ->
                val now = labels
                labels = now + listOf(names())  // the next frame may be looked at before this ends
                try {
                    replace(live)
                } catch (e: Throwable) {
                    labels = now
                    throw e
                }
                labelsBefore = now.last()
            }
        }

    private fun <R> tracking(call: (Long) -> R): R = opened { turn.withLock { call(it) } }

    private fun <R> opened(call: (Long) -> R): R =
        lifetime.read {
            check(!closed.get() && handle != 0L) { "the live detector is closed" }
            call(handle)
        }

    private companion object {
        const val UTILITY = 5

        fun now() = System.nanoTime() / 1e9
    }
}
