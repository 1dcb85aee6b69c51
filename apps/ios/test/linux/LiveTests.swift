import CoreMedia
import Foundation
import UIKit

/// Live detectors beside a camera that these tests are.
struct LiveTests {
    private let model: OkoModel
    private let half: OkoModel
    private let large: OkoModel
    private let other: OkoModel
    private let buffer = TestBuffer()
    private let inbox = LiveInbox()

    init(folder: URL) throws {
        let plain = folder.appendingPathComponent("plain.oko")
        model = try OkoModel(contentsOf: plain)
        func sized(_ side: Int) throws -> OkoModel {
            var options = OkoModelOptions()
            options.width = side
            options.height = side
            return try OkoModel(contentsOf: plain, options: options)
        }
        half = try sized(32)
        large = try sized(320)
        other = try OkoModel(contentsOf: folder.appendingPathComponent("other.oko"))
    }

    func run() async throws {
        try whatADetectorFindsIsFound()
        try theNewestFrameWins()
        try theRateIsKept()
        try objectsAreFollowedAndCounted()
        objectsMayBeOfClassesThatTheModelLacks()
        try modelsAreSwappedAndReverted()
        try thresholdsChangeWhileItRuns()
        try heatSlowsDown()
        try shortMemoryFreesWhatIsNotUsed()
        try whatIsTooSlowUsesASmallerInput()
        try stoppingEndsItAtOnce()
        try lettingGoOfItStopsIt()
        try whatMakesNoSenseIsRefused()
        try await aStreamHasTheNewestResult()
        try await aStreamThrowsAndEnds()
    }

    private func options(_ change: (inout OkoLiveOptions) -> Void = { _ in }) -> OkoLiveOptions {
        var options = OkoLiveOptions()
        options.thresholds.score = -1
        options.tracker?.lowScore = -1
        change(&options)
        return options
    }

    private func start(
        _ models: [OkoModel]? = nil, _ options: OkoLiveOptions? = nil
    ) throws -> OkoLiveDetector {
        try OkoLiveDetector(
            models: models ?? [model], options: options ?? self.options(),
            onResult: { [inbox] in inbox.receive($0) })
    }

    /// What is found in one frame.
    private func look(
        _ live: OkoLiveDetector, _ time: TimeInterval, line: Int = #line
    ) throws -> OkoLiveResult {
        let taken = try live.submit(buffer.pixels, time: time)
        check(taken == .taken, "the frame is \(taken)", file: "LiveTests", line: line)
        return try inbox.next(line: line)
    }

    private func whatADetectorFindsIsFound() throws {
        let live = try start(nil, options { $0.tracker = nil })
        let wide = TestBuffer(side: 80)
        let taken = try live.submit(
            wide.pixels, orientation: .right, time: CMTime(seconds: 3, preferredTimescale: 600))
        check(taken == .taken && wide.pixels.locks == 0, "the buffer is the camera's again")
        let result = try inbox.next()
        check(result.time == 3 && result.wait >= 0 && result.timing.network > 0, "times")
        check(result.frameSize == CGSize(width: 80, height: 80), "\(result.frameSize)")
        check(result.inputSize == CGSize(width: 64, height: 64), "\(result.inputSize)")
        check(result.model == 0 && result.swaps == 0, "the first model")
        check(result.objects.isEmpty && result.events.isEmpty, "no tracking")
        let wanted = try OkoDetector(model: model).detect(
            wide.pixels, orientation: .right, thresholds: .init(score: -1))
        check(!wanted.isEmpty && result.detections.map(\.box) == wanted.map(\.box), "boxes")
        check(result.detections.map(\.score) == wanted.map(\.score), "scores")
        check(result.detections.map(\.label) == wanted.map(\.label), "labels")
    }

    private func theNewestFrameWins() throws {
        let live = try start()
        inbox.hold()
        check(try live.submit(buffer.pixels, time: 1) == .taken, "the first")
        check(try inbox.next().time == 1, "is looked at")
        let taken = try (2...5).map { try live.submit(buffer.pixels, time: Double($0)) }
        check(taken == [.taken, .takenNewer, .takenNewer, .takenNewer], "\(taken)")
        inbox.release()
        check(try inbox.next().time == 5, "the newest")
        let status = live.status
        check(status.taken == 5 && status.replaced == 3 && status.lookedAt == 2, "\(status)")
        check(status.frameTime > 0, "its time is known")
        check(inbox.isEmpty, "and no other")
    }

    private func theRateIsKept() throws {
        let live = try start(nil, options { $0.framesPerSecond = 10 })
        var taken = 0
        for frame in 0..<30 {
            switch try live.submit(buffer.pixels, time: Double(frame) / 30) {
            case .taken:
                taken += 1
                _ = try inbox.next()
            case let answer: check(answer == .skippedForRate, "\(answer)")
            }
        }
        check(taken == 10 && live.status.skippedForRate == 20, "\(taken) of 30")
    }

    private func objectsAreFollowedAndCounted() throws {
        let live = try start()
        let corners = [(-100, -100), (200, -100), (200, 200), (-100, 200)]
        let zone = try live.addZone(corners.map { CGPoint(x: $0.0, y: $0.1) })
        let line = try live.addLine(from: .zero, to: CGPoint(x: 0, y: 9), classIndex: 1)
        check(zone == 0 && line == 1, "their numbers")
        check(try look(live, 0).objects.isEmpty, "one detection is not shown")
        let first = try look(live, 0.1)
        check(!first.objects.isEmpty, "two are")
        let appeared = first.events.filter { $0.kind == .appeared }
        check(appeared.map(\.object) == first.objects.map(\.id), "they appear")
        for frame in 2..<5 {
            let result = try look(live, Double(frame) / 10)
            check(result.objects.map(\.id) == first.objects.map(\.id), "ids stay")
            check(result.counts.count == 2, "counts of both")
            check(result.counts[zone].inside == result.objects.count, "all are inside")
            check(result.objects[0].label == model.classNames[result.objects[0].classIndex], "")
        }
        live.resetTracking()
        check(try look(live, 1).counts[zone].inside == 0, "all are forgotten")
    }

    private func objectsMayBeOfClassesThatTheModelLacks() {
        let labels = [0, 1, 2, -1].map { ["cat", "dog"].label(of: $0) }
        check(labels == ["cat", "dog", "class 2", "class -1"], "\(labels)")
    }

    private func modelsAreSwappedAndReverted() throws {
        let live = try start([model, half])
        let cats = Set(["cat", "dog"]), birds = Set(["bird", "fish"])
        func labels(_ result: OkoLiveResult) -> Set<String> {
            check(!result.detections.isEmpty, "there are boxes")
            return Set(result.detections.map(\.label) + result.objects.map(\.label))
        }
        check(refusal { try live.revert() } == .failed, "there is nothing to go back to")
        check(labels(try look(live, 0)).isSubset(of: cats), "cats")
        try live.swap(to: [other])
        var result = try look(live, 1)
        check(result.swaps == 1 && labels(result).isSubset(of: birds), "\(labels(result))")
        check(refusal { try live.swap(to: [half, model]) } == .invalidArgument, "the order")
        check(refusal { try live.swap(to: []) } == .invalidArgument, "no model")
        result = try look(live, 2)
        check(result.swaps == 1 && labels(result).isSubset(of: birds), "those in use stay")
        try live.revert()
        result = try look(live, 3)
        check(result.swaps == 2 && labels(result).isSubset(of: cats), "back")
        check(refusal { try live.revert() } == .failed, "once")
        // What waits is looked at with the models that it is an input of.
        inbox.hold()
        try live.submit(buffer.pixels, time: 4)
        _ = try inbox.next()
        try live.submit(buffer.pixels, time: 5)
        try live.swap(to: [other])
        inbox.release()
        result = try inbox.next()
        check(result.swaps == 2 && labels(result).isSubset(of: cats), "of the models before")
        check(labels(try look(live, 6)).isSubset(of: birds), "and of the next")
    }

    private func thresholdsChangeWhileItRuns() throws {
        let live = try start()
        _ = try look(live, 0)
        let all = try look(live, 0.1)
        check(all.detections.count > 1 && !all.objects.isEmpty, "there are boxes")
        try live.setThresholds(.init(score: 2))
        let none = try look(live, 0.2)
        check(none.detections.isEmpty, "none is so sure")
        check(none.objects.map(\.id) == all.objects.map(\.id), "ids stay")
        var dogs = OkoThresholds()
        dogs.classScores = [2, -1]
        try live.setThresholds(dogs)
        let found = try look(live, 0.3).detections
        check(!found.isEmpty && found.allSatisfy { $0.classIndex == 1 }, "of each class")
        var three = dogs
        three.classScores.append(0.5)
        for wrong in [three, .init(score: .nan), .init(iou: .infinity)] {
            check(refusal { try live.setThresholds(wrong) } == .invalidArgument, "\(wrong)")
            check(try look(live, 0.4).detections.count == found.count, "those before stay")
        }
    }

    private func setSystem(_ state: ProcessInfo.ThermalState) {
        ProcessInfo.standInThermalState = state
        NotificationCenter.default.post(
            name: ProcessInfo.thermalStateDidChangeNotification, object: nil)
    }

    private func heatSlowsDown() throws {
        setSystem(.critical)
        let live = try start([model, half])
        check(live.status.heat == .critical, "as it is in the beginning")
        let result = try look(live, 1)
        check(result.model == 1 && result.inputSize.width == 32, "the smallest input")
        check(try live.submit(buffer.pixels, time: 1.1) == .skippedForHeat, "a frame a second")
        setSystem(.nominal)
        check(live.status.heat == .nominal, "it has become cool")
        check(try look(live, 1.2).model == 0, "the largest input")
        for (state, heat) in [(ProcessInfo.ThermalState.fair, OkoHeat.fair), (.serious, .serious)] {
            setSystem(state)
            check(live.status.heat == heat, "\(heat)")
        }
        live.setHeat(.nominal)
        check(live.status.heat == .nominal, "as the app says")
        let alone = try start([model], options { $0.followsSystem = false })
        setSystem(.fair)
        check(alone.status.heat == .nominal, "it does not follow the system")
        setSystem(.nominal)
    }

    private func shortMemoryFreesWhatIsNotUsed() throws {
        let live = try start()
        try live.swap(to: [model, half])
        NotificationCenter.default.post(
            name: UIApplication.didReceiveMemoryWarningNotification, object: nil)
        // Until then it goes back and forth.
        eventually("the models before are freed") {
            if refusal({ try live.revert() }) == .failed { return true }
            try? live.swap(to: [model, half])
            NotificationCenter.default.post(
                name: UIApplication.didReceiveMemoryWarningNotification, object: nil)
            return false
        }
        try live.swap(to: [model, half])
        live.trim()
        check(refusal { try live.revert() } == .failed, "and at once if the app says so")
        check(try look(live, 1).swaps > 1, "it goes on")
    }

    private func whatIsTooSlowUsesASmallerInput() throws {
        let words = Words()
        let live = try start(
            [model, half],
            options {
                $0.budget = 1e-6
                $0.log = { words.add($0, $1) }
            })
        var last: OkoLiveResult?
        for frame in 0..<10 { last = try look(live, Double(frame)) }
        check(last?.model == 1 && live.status.isOverBudget, "the smaller input")
        eventually("it is told") { words.all.count == 2 }
        check(words.all[0].1.contains("smaller input"), "\(words.all)")
        check(words.all[1].0 == .warning, "\(words.all)")
    }

    /// Also while a frame is looked at, which takes a while here, or a handler runs.
    private func stoppingEndsItAtOnce() throws {
        for milliseconds in 0..<8 {
            // A quick machine may have found something before it is stopped.
            let live = try OkoLiveDetector(models: [large], options: options())
            try live.submit(buffer.pixels, time: 1)
            Thread.sleep(forTimeInterval: Double(milliseconds) / 1000)
            live.stop()
            check(try live.submit(buffer.pixels, time: 2) == .stopped, "no frame is taken")
            live.stop()
        }
        let inbox = LiveInbox()
        let live = try OkoLiveDetector(
            models: [model], options: options(), onResult: { inbox.receive($0) })
        inbox.hold()
        try live.submit(buffer.pixels, time: 1)
        _ = try inbox.next()
        try live.submit(buffer.pixels, time: 2)
        live.stop()
        check(live.status.lookedAt == 1, "it does not wait for the handler")
        inbox.release()
        check(try live.submit(buffer.pixels, time: 3) == .stopped, "no frame is taken")
        Thread.sleep(forTimeInterval: 0.02)
        check(inbox.isEmpty, "nothing is delivered any more")
    }

    private func lettingGoOfItStopsIt() throws {
        weak var held: LiveInbox?
        for milliseconds in 0..<8 {
            do {
                let own = LiveInbox()
                held = own
                let live = try OkoLiveDetector(
                    models: [large], options: options(), onResult: { own.receive($0) })
                try live.submit(buffer.pixels, time: 1)
                Thread.sleep(forTimeInterval: Double(milliseconds) / 1000)
            }
            eventually("what the handler holds is let go of") { held == nil }
        }
        // One that is let go of by its own handler.
        let box = Box()
        do {
            let own = LiveInbox()
            held = own
            box.live = try OkoLiveDetector(
                models: [model], options: options(),
                onResult: {
                    own.receive($0)
                    box.live = nil
                })
        }
        try box.live?.submit(buffer.pixels, time: 1)
        eventually("the handler lets go of it") { box.live == nil && held == nil }
    }

    private func refusal(_ call: () throws -> Void, line: Int = #line) -> OkoError.Status? {
        do {
            try call()
        } catch let error as OkoError {
            return error.status
        } catch {
            check(false, "\(error)", file: "LiveTests", line: line)
        }
        return nil
    }

    private func whatMakesNoSenseIsRefused() throws {
        check(refusal { _ = try start([]) } == .invalidArgument, "no model")
        check(refusal { _ = try start([half, model]) } == .invalidArgument, "the order")
        check(refusal { _ = try start([model, other]) } == .invalidArgument, "other classes")
        let slow = options { $0.framesPerSecond = -1 }
        check(refusal { _ = try start([model], slow) } == .invalidArgument, "a negative rate")
        let live = try start([model], options { $0.tracker = nil })
        check(refusal { _ = try live.addZone([]) } == .invalidArgument, "without tracking")
        _ = try look(live, 2)
        check(
            refusal { try live.submit(buffer.pixels, time: 1) } == .invalidArgument, "back in time")
        let none = CMTime(seconds: .nan, preferredTimescale: 0)
        check(
            refusal { try live.submit(buffer.pixels, time: none) } == .invalidArgument, "no time")
        let classes = try start([model], options { $0.thresholds.classScores = [-1, 0.5] })
        let one = try look(classes, 1)
        check(one.detections.allSatisfy { $0.classIndex == 0 || $0.score > 0.5 }, "of each class")
    }

    private func aStreamHasTheNewestResult() async throws {
        let live = try start()
        let results = live.results()
        for frame in 1...3 { _ = try look(live, Double(frame)) }
        var seen: [TimeInterval] = []
        for try await result in results {
            seen.append(result.time)
            if seen.count == 2 { break }
            _ = try look(live, 4)
        }
        check(seen == [3, 4], "\(seen)")
        // It ends with the detector, also while somebody waits.
        let waiting = live.results()
        let ended = Task {
            for try await result in waiting { check(result.time == 5, "\(result.time)") }
        }
        _ = try look(live, 5)
        live.stop()
        try await ended.value
        for try await _ in live.results() { check(false, "it is stopped") }
        let gone = try start().results()
        for try await _ in gone { check(false, "it is gone") }
    }

    private func aStreamThrowsAndEnds() async throws {
        let listeners = LiveListeners()
        let stream = listeners.stream()
        listeners.tell(.failure(OkoError(status: .failed, text: "no memory")))
        do {
            for try await _ in stream { check(false, "a result") }
            check(false, "nothing is thrown")
        } catch let error as OkoError {
            check(error.text == "no memory", "\(error)")
        }
        let task = Task { for try await _ in listeners.stream() {} }
        task.cancel()
        _ = await task.result
        listeners.finish()
    }
}

/// What a log was told.
private final class Words: @unchecked Sendable {
    private let lock = NSLock()
    private var words: [(OkoLogLevel, String)] = []

    func add(_ level: OkoLogLevel, _ text: String) { lock.withLock { words.append((level, text)) } }
    var all: [(OkoLogLevel, String)] { lock.withLock { words } }
}

private final class Box: @unchecked Sendable {
    private let lock = NSLock()
    private var held: OkoLiveDetector?

    var live: OkoLiveDetector? {
        get { lock.withLock { held } }
        set {
            let old = lock.withLock {
                defer { held = newValue }
                return held
            }
            withExtendedLifetime(old) {}  // it is freed without the lock
        }
    }
}
