package dev.oko

import android.content.ComponentCallbacks2
import android.content.Context
import android.os.PowerManager
import android.os.Process
import dev.oko.Reference.HEIGHT
import dev.oko.Reference.WIDTH
import dev.oko.Reference.check
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlin.math.abs

private const val PATIENCE = 60L  // seconds: other programs run, too

/** As the main thread of an app: runs what it is given when a test says so. */
private class Queue : Executor {
    private val tasks = LinkedBlockingQueue<Runnable>()

    override fun execute(task: Runnable) = tasks.put(task)

    fun runOne() {
        val task = tasks.poll(PATIENCE, TimeUnit.SECONDS)
        check(task != null, "a task comes")
        task!!.run()
    }

    fun runAll() {
        while (true) (tasks.poll() ?: return).run()
    }
}

private class Listener : OkoLiveListener {
    val results = ArrayList<OkoLiveResult>()
    val log = ConcurrentLinkedQueue<String>()

    override fun onResult(result: OkoLiveResult) {
        results += result
    }

    override fun onLog(text: String, warning: Boolean) {
        log += text
    }
}

private class Phone : Context() {
    val power = PowerManager()
    val callbacks = ArrayList<ComponentCallbacks2>()

    override fun getAssets() = error("not used")

    override fun <T> getSystemService(service: Class<T>): T = service.cast(power)

    override fun registerComponentCallbacks(callback: ComponentCallbacks2) {
        callbacks += callback
    }

    override fun unregisterComponentCallbacks(callback: ComponentCallbacks2) {
        callbacks -= callback
    }
}

private fun eventually(what: String, test: () -> Boolean) {
    val end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE)
    while (!test()) {
        check(System.nanoTime() < end, what)
        Thread.sleep(2)
    }
}

private fun running(name: String) = Thread.getAllStackTraces().keys.count { it.name == name }

private fun refusal(call: () -> Unit) = runCatching(call).exceptionOrNull()

private class OkoLiveKotlinTest(private val reference: Reference) {
    private val large = OkoModel.open(reference.model.toFile())
    private val small =
        OkoModel.open(reference.model.toFile(), OkoModelOptions(width = 224, height = 224))
    private val frame = reference.cameraImage().toOkoFrame().copy(range = OkoRange.VIDEO)
    private val whole = listOf(point(0, 0), point(WIDTH, 0), point(WIDTH, HEIGHT), point(0, HEIGHT))

    private fun point(x: Int, y: Int) = OkoPoint(x.toFloat(), y.toFloat())

    private fun expectBottles(boxes: List<OkoBox>, labels: List<String>) {
        val expected = reference.expected()
        check(boxes.size == expected.size && labels.all { it == "bottle" }, "the bottles")
        for (box in boxes) {
            val near = expected.any { abs(it[2] - box.left) < 2 && abs(it[5] - box.bottom) < 2 }
            check(near, "$box is not expected")
        }
    }

    fun aTrackerFollowsWhatADetectorFinds() {
        val tracker = OkoTracker()
        val zone = tracker.addZone(whole)
        OkoDetector(large).use { detector ->
            check(tracker.detect(detector, frame, 0.0).isEmpty(), "shown after two detections")
            val objects = tracker.detect(detector, frame, .1)
            expectBottles(objects.map { it.box }, objects.map { it.label })
            check(objects.map { it.id } == listOf(1L, 2L, 3L), "ids")
            check(objects.all { it.state == OkoObjectState.SEEN && it.age > .05 }, "seen")
            val appeared = tracker.events().filter { it.kind == OkoEventKind.APPEARED }
            check(appeared.map { it.objectId } == listOf(1L, 2L, 3L), "events")
            check(appeared.all { it.label == "bottle" && it.counter == -1 }, "of bottles")
            val inside = tracker.events().filter { it.kind == OkoEventKind.IN }
            check(inside.size == 3 && inside.all { it.counter == zone }, "in the zone")
            check(tracker.counts(zone) == OkoCounts(3, 0, 3), "counts")
        }
        tracker.reset()
        check(tracker.counts(zone) == OkoCounts(0, 0, 0), "all is forgotten")
        tracker.close()
        tracker.close()
        check(refusal { tracker.events() } is IllegalStateException, "a closed tracker")
    }

    fun aTrackerFollowsBoxesFromElsewhere() {
        OkoTracker(OkoTrackerOptions(confirm = 1, lostSeconds = .25)).use { tracker ->
            val line = tracker.addLine(point(50, 100), point(50, 0))
            fun step(i: Int, shown: Boolean = true): List<OkoObject> {
                val left = 5f * i
                val box = OkoBox(left, 40f, left + 20, 60f)
                val all = if (shown) listOf(OkoDetection(7, "cat", .9f, box)) else emptyList()
                return tracker.update(all, i / 10.0)
            }
            check(step(0).single().label == "cat", "shown at once")
            for (i in 1..14) check(step(i).single().id == 1L, "the same")
            check(tracker.counts(line) == OkoCounts(1, 0, 0), "it crossed the line")
            val hidden = step(15, shown = false).single()
            check(hidden.state == OkoObjectState.HIDDEN && hidden.hidden > .05, "hidden")
            check(hidden.label == "cat" && hidden.velocityX > 30, "${hidden.velocityX} a second")
            check(tracker.events().single().kind == OkoEventKind.LOST, "lost")
            for (i in 16..18) step(i, shown = false)
            check(step(19, shown = false).isEmpty(), "gone")
            val back = refusal { tracker.update(emptyList(), 1.0) }
            check(back is OkoException && back.status == OkoException.INVALID_ARGUMENT, "$back")
        }
    }

    fun aLiveDetectorFindsWhatADetectorFinds() {
        val main = Queue()
        val listener = Listener()
        val stored = frame.copy(rotation = 90, mirror = true)
        OkoLiveDetector(null, listOf(large, small), main, listener).use { live ->
            check(live.submit(stored, 1.0) == OkoTaken.TAKEN, "taken")
            main.runOne()
            val result = listener.results.single()
            val expected = OkoDetector(large).use { it.detect(stored) }
            check(result.detections == expected, "the same detections")
            check(result.frame == stored.copy(planes = emptyList()), "how the frame lies")
            val used = result.width == 320 && result.model == 0
            check(result.seconds == 1.0 && used, "the large one")
            check(result.timing.network > 0 && result.wait >= 0, "time")
            check(result.objects.isEmpty() && result.events.isEmpty(), "seen once")
            check(Process.SET["oko-live"] == Process.THREAD_PRIORITY_DISPLAY, "its priority")
        }
        main.runAll()
        check(listener.results.size == 1, "one result")
    }

    fun aSlowListenerGetsTheNewestResultAndAllEvents() {
        val main = Queue()
        val listener = Listener()
        OkoLiveDetector(null, listOf(large), main, listener).use { live ->
            val zone = live.addZone(whole)
            for (i in 1..4) {
                live.submit(frame, i / 10.0)
                eventually("frame $i is looked at") { live.status().lookedAt == i.toLong() }
            }
            // The last one was counted before it was delivered.
            eventually("all are delivered") {
                main.runAll()
                listener.results.last().seconds == .4
            }
            val all = listener.results.flatMap { it.events }
            val appeared = all.filter { it.kind == OkoEventKind.APPEARED }
            check(appeared.map { it.objectId } == listOf(1L, 2L, 3L), "$all")
            val last = listener.results.last()
            expectBottles(last.objects.map { it.box }, last.objects.map { it.label })
            check(listener.results.size <= 2, "not one for each frame")
            check(last.counts[zone] == OkoCounts(3, 0, 3), "counts come with it")
            live.reset()
            live.submit(frame, .5)
            main.runOne()
            check(listener.results.last().objects.isEmpty(), "another camera")
        }
    }

    fun thresholdsChangeWhileItRuns() {
        val main = Queue()
        val listener = Listener()
        val live = OkoLiveDetector(null, listOf(large), main, listener)
        var frames = 0
        fun look(): OkoLiveResult {
            live.submit(frame, ++frames / 10.0)
            main.runOne()
            return listener.results.last()
        }
        look()
        val ids = look().objects.map { it.id }
        check(ids.size == 3, "three bottles")
        val few = OkoThresholds(classScores = List(80) { if (it == 39) .25f else 2f })
        val none = OkoThresholds(score = 2f)
        val best = OkoThresholds(maxDetections = 1)
        for ((thresholds, count) in listOf(none to 0, best to 1, few to 3)) {
            live.setThresholds(thresholds)
            val result = look()
            check(result.detections.size == count, "${result.detections.size}, not $count")
            check(result.objects.map { it.id } == ids, "ids stay")
        }
        val two = OkoThresholds(classScores = listOf(.5f, .5f))
        for (wrong in listOf(two, OkoThresholds(score = Float.NaN))) {
            val refused = refusal { live.setThresholds(wrong) }
            check(refused is OkoException, "$refused")
            check((refused as OkoException).status == OkoException.INVALID_ARGUMENT, "$refused")
            check(look().detections.size == 3, "those before stay")
        }
        live.close()
        val closed = refusal { live.setThresholds(few) }
        check(closed is IllegalStateException, "a closed live detector: $closed")
    }

    fun theHeatOfThePhoneSlowsItDown() {
        val expected =
            listOf(
                OkoHeat.NOMINAL, OkoHeat.NOMINAL, OkoHeat.FAIR, OkoHeat.SERIOUS, OkoHeat.CRITICAL,
                OkoHeat.CRITICAL, OkoHeat.CRITICAL,
            )
        check((0..6).map(OkoHeat::ofThermalStatus) == expected, "THERMAL_STATUS_NONE to SHUTDOWN")
        val phone = Phone()
        phone.power.setStatus(2)
        val main = Queue()
        val listener = Listener()
        val live = OkoLiveDetector(phone, listOf(large, small), main, listener)
        check(live.status().heat == OkoHeat.FAIR, "as it is from the start")
        phone.power.setStatus(3)
        check(live.status().heat == OkoHeat.SERIOUS && live.status().model == 1, "smaller")
        main.runAll()
        check(listener.log.size == 2, "the log says why: ${listener.log}")
        live.submit(frame, 1.0)
        main.runOne()
        check(listener.results.single().width == 224, "the small model")
        var seconds = 1.0
        eventually("it rests") {
            seconds += .001
            live.submit(frame, seconds) == OkoTaken.SKIPPED_HEAT
        }
        check(live.status().skippedHeat == 1L, "and counts it")
        live.close()
        check(phone.power.listeners.isEmpty() && phone.callbacks.isEmpty(), "nobody listens")
        phone.power.setStatus(0)
        live.setHeat(OkoHeat.FAIR)
        live.trim()
    }

    fun objectsMayBeOfClassesThatTheModelLacks() {
        val header = DoubleArray(14)
        header[12] = 2.0  // objects
        header[13] = 1.0  // event
        val objects = DoubleArray(24)
        objects[1] = 1.0
        objects[13] = 7.0
        val numbers = header + objects + doubleArrayOf(3.0, 7.0, 2.0, -1.0)
        val seen = OkoFrame(OkoFormat.RGBA, 40, 30, emptyList())
        val result = OkoLiveResult(numbers, seen, listOf("cat", "dog"))
        check(result.objects.map { it.label } == listOf("dog", "class 7"), "labels of objects")
        check(result.events.map { it.label } == listOf("class 7"), "and of events")
    }

    fun modelsAreSwappedAndForgottenWhenMemoryIsShort() {
        val phone = Phone()
        val main = Queue()
        val listener = Listener()
        OkoLiveDetector(phone, listOf(large), main, listener).use { live ->
            live.swap(listOf(small))
            live.submit(frame, 1.0)
            eventually("a result") {
                main.runAll()
                listener.results.isNotEmpty()
            }
            val result = listener.results.single()
            check(result.swaps == 1 && result.width == 224, "the other model")
            val named = result.detections.all { it.label == small.classNames[it.classId] }
            check(named && result.detections.isNotEmpty(), "and its names")
            val wrong = refusal { live.swap(listOf(small, large)) }
            check(wrong is OkoException && "largest" in wrong.message!!, "$wrong")
            check(refusal { live.swap(emptyList()) } is OkoException, "no model")
            live.revert()
            live.submit(frame, 2.0)
            eventually("another result") {
                main.runAll()
                listener.results.size == 2
            }
            check(listener.results.last().swaps == 2, "back to the first")
            expectBottles(
                listener.results.last().detections.map { it.box },
                listener.results.last().detections.map { it.label },
            )
            val none = refusal { live.revert() }
            check(none is OkoException && none.status == OkoException.FAILED, "$none")

            live.swap(listOf(small))
            phone.callbacks.single().onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN)
            eventually("nothing is freed") { running("oko-trim") == 0 }
            live.revert()
            live.swap(listOf(small))
            phone.callbacks.single().onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_RUNNING_LOW)
            eventually("memory is freed") { running("oko-trim") == 0 }
            check(refusal { live.revert() } is OkoException, "the models before are forgotten")
        }
    }

    fun closingIsSafeWhileFramesAreInFlight() {
        val executor = Executors.newSingleThreadExecutor()
        for (round in 0 until 12) {
            val after = AtomicInteger()
            val first = CountDownLatch(1)
            var closed = false  // in the executor's thread
            val listener = OkoLiveListener {
                if (closed) after.incrementAndGet()
                first.countDown()
            }
            val live = OkoLiveDetector(null, listOf(small), executor, listener)
            val camera =
                thread {
                    do {
                        val taken = live.submit(frame)
                        Thread.sleep(1)
                    } while (taken != OkoTaken.SKIPPED_STOP)
                }
            val others =
                thread {
                    do {
                        val refused = refusal {
                            live.status()
                            live.addLineAgain()
                        }
                    } while (refused == null)
                }
            check(first.await(PATIENCE, TimeUnit.SECONDS), "a result")
            Thread.sleep(round.toLong())
            executor.submit {
                live.close()
                closed = true
            }.get()
            live.close()
            camera.join()
            others.join()
            executor.submit {}.get()
            check(after.get() == 0, "no result after it was closed")
            val refused = refusal { live.status() }
            check(refused is IllegalStateException, "a closed live detector: $refused")
        }
        executor.shutdown()
        eventually("all threads end") { running("oko-live") == 0 }
    }

    // Sixteen are accepted, and the next ones refused by the engine.
    private fun OkoLiveDetector.addLineAgain() {
        val refused = refusal { addLine(point(0, 0), point(9, 9)) }
        if (refused is IllegalStateException) throw refused
    }

    fun listenersMayCloseItAndExecutorsMayEnd() {
        val seen = CountDownLatch(1)
        lateinit var live: OkoLiveDetector
        // In the thread that detects.
        live =
            OkoLiveDetector(null, listOf(small), Runnable::run, {
                live.close()
                seen.countDown()
            })
        live.submit(frame)
        check(seen.await(PATIENCE, TimeUnit.SECONDS), "the listener closes it")

        val ended = Executor { throw RejectedExecutionException("it was shut down") }
        OkoLiveDetector(null, listOf(small), ended, Listener()).use {
            it.setHeat(OkoHeat.SERIOUS)
            it.setHeat(OkoHeat.NOMINAL)
            it.submit(frame, 1.0)
            eventually("frames are looked at") { it.status().lookedAt == 1L }
        }
    }

    fun mistakesAreExceptions() {
        val none = refusal { OkoLiveDetector(null, emptyList(), Queue(), Listener()) }
        check(none is IllegalArgumentException, "$none")
        val untracked = OkoLiveOptions(tracking = null, budget = 40.0, framesPerSecond = 15.0)
        OkoLiveDetector(null, listOf(large), Queue(), Listener(), untracked).use { live ->
            check(refusal { live.addZone(whole) } is IllegalStateException, "no tracker")
            live.submit(frame, 1.0)
            check(live.submit(frame, 1.01) == OkoTaken.SKIPPED_RATE, "15 a second")
            val short = frame.copy(planes = frame.planes.take(1))
            check(refusal { live.submit(short, 2.0) } is OkoException, "a plane is missing")
        }
        val closed = OkoModel.open(reference.model.toFile())
        closed.close()
        val gone = refusal { OkoLiveDetector(null, listOf(large, closed), Queue(), Listener()) }
        check(gone is IllegalStateException, "a closed model: $gone")
        OkoDetector(large).close()  // and the other one is not held
    }

    fun modelsSayWhatTheyAre() {
        check(large.hash!!.length == 64 && large.hash == small.hash, "the same weights")
        check(large.checksum!!.length == 16 && large.flop > 1e8, "the same file")
        check(large.flop > small.flop, "operations")
        check(large.metrics == null && large.version == null, "not measured, no version")
        check(large.classThresholds == List(80) { .25f } && !large.ownThresholds, "thresholds")
        val file = reference.model.toFile()
        OkoModel.open(file, OkoModelOptions(describeOnly = true)).use {
            check(it.hash == large.hash && it.classNames == large.classNames, "described")
            val refused = refusal { OkoDetector(it) }
            check(refused is OkoException && "describe_only" in refused.message!!, "$refused")
        }
        large.close()
        check(refusal { OkoDetector(large) } is IllegalStateException, "a closed model")
    }
}

fun main(arguments: Array<String>) {
    with(OkoLiveKotlinTest(Reference(arguments))) {
        aTrackerFollowsWhatADetectorFinds()
        aTrackerFollowsBoxesFromElsewhere()
        aLiveDetectorFindsWhatADetectorFinds()
        aSlowListenerGetsTheNewestResultAndAllEvents()
        thresholdsChangeWhileItRuns()
        theHeatOfThePhoneSlowsItDown()
        objectsMayBeOfClassesThatTheModelLacks()
        modelsAreSwappedAndForgottenWhenMemoryIsShort()
        closingIsSafeWhileFramesAreInFlight()
        listenersMayCloseItAndExecutorsMayEnd()
        mistakesAreExceptions()
        modelsSayWhatTheyAre()
    }
    println("all passed")
}
