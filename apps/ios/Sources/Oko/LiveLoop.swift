import CoreGraphics
import Foundation
import OkoC

/// A live camera in C and the thread that looks at its frames. The thread holds it until it is
/// stopped, OkoLiveDetector does until it is let go of: whoever is the last frees it.
final class LiveLoop: @unchecked Sendable {
    let listeners = LiveListeners()
    private let handle: OpaquePointer
    private let log: LiveLog
    private let classes: LiveClasses
    private let submitting = NSLock()
    private let swapping = NSLock()
    /// Of the tracker, and what it knows: held while a frame is looked at.
    private let looking = NSLock()
    private var counterCount = 0
    private let arrived = NSCondition()
    // Of `arrived`:
    private var hasFrame = false
    private var isStopped = false

    init(models: [OkoModel], options: OkoLiveOptions) throws {
        let log = LiveLog(options.log)
        var created: OpaquePointer?
        let status = withHandles(of: models) { handles in
            options.withC { options in
                log.connect(&options)
                return oko_live_create(handles, models.count, &options, &created)
            }
        }
        try OkoError.check(status)
        guard let live = created else {
            throw OkoError(status: .failed, text: "the engine returned no live camera")
        }
        handle = live
        self.log = log
        classes = LiveClasses(models.first?.classNames ?? [])
    }

    deinit { oko_live_destroy(handle) }

    func start(qualityOfService: QualityOfService) {
        let thread = Thread { [self] in
            while waitForFrame() { pooled { look() } }
        }
        thread.name = "oko.live"
        thread.qualityOfService = qualityOfService
        thread.start()
    }

    func submit(_ frame: oko_frame, time: TimeInterval) throws -> OkoTaken {
        var frame = frame
        frame.struct_size = MemoryLayout<oko_frame>.size
        var answer: Int32 = 0
        try submitting.withLock {
            try OkoError.check(oko_live_submit(handle, &frame, time, &answer))
        }
        let taken = OkoTaken(rawValue: answer) ?? .stopped
        if taken == .taken || taken == .takenNewer {
            arrived.lock()
            hasFrame = true
            arrived.signal()
            arrived.unlock()
        }
        return taken
    }

    func stop() {
        oko_live_stop(handle)
        arrived.lock()
        isStopped = true
        arrived.signal()
        arrived.unlock()
        listeners.finish()
    }

    func addCounter(_ add: (Counters) throws -> Int) throws -> Int {
        try looking.withLock {
            guard let tracker = oko_live_tracker(handle) else {
                throw OkoError(
                    status: .invalidArgument,
                    text: "lines and zones need tracking (OkoLiveOptions.tracker)")
            }
            let counter = try add(Counters(tracker: tracker))
            counterCount = max(counterCount, counter + 1)
            return counter
        }
    }

    func resetTracking() {
        looking.withLock { oko_tracker_reset(oko_live_tracker(handle)) }
    }

    func setHeat(_ heat: OkoHeat) { oko_live_set_heat(handle, heat.rawValue) }
    func trim() { oko_live_trim(handle) }

    func setThresholds(_ thresholds: OkoThresholds) throws {
        try OkoError.check(thresholds.withC { oko_live_set_thresholds(handle, $0) })
    }

    func swap(to models: [OkoModel]) throws {
        try swapping.withLock {
            try classes.swap(to: models.first?.classNames ?? []) {
                let status = withHandles(of: models) { handles in
                    oko_live_swap(handle, handles, models.count)
                }
                try OkoError.check(status)
            }
        }
    }

    func revert() throws {
        try swapping.withLock {
            try classes.revert { try OkoError.check(oko_live_revert(handle)) }
        }
    }

    var status: OkoLiveStatus {
        var status = oko_live_status()
        status.struct_size = MemoryLayout<oko_live_status>.size
        oko_live_get_status(handle, &status)
        return OkoLiveStatus(status)
    }

    /// False: it is stopped. The engine could wait too, but its tracker must not be used meanwhile.
    private func waitForFrame() -> Bool {
        arrived.lock()
        defer { arrived.unlock() }
        while !hasFrame && !isStopped { arrived.wait() }
        hasFrame = false
        return !isStopped
    }

    private func look() {
        do {
            if let result = try next() { listeners.tell(.success(result)) }
        } catch {
            listeners.tell(.failure(error))
        }
    }

    /// nil: there is no frame any more.
    private func next() throws -> OkoLiveResult? {
        looking.lock()
        defer { looking.unlock() }
        var result = oko_live_result()
        result.struct_size = MemoryLayout<oko_live_result>.size
        try OkoError.check(oko_live_next(handle, 0, &result))
        if result.found == 0 { return nil }
        let size = CGSize(width: Int(result.frame_width), height: Int(result.frame_height))
        let labels = classes.names(after: Int(result.swaps))
        let detections = try list { oko_live_detections(handle, $0, $1) }
        let objects = try list { oko_live_objects(handle, $0, $1) }
        let events = try list { oko_live_events(handle, $0, $1) }
        return OkoLiveResult(
            time: result.seconds, frameSize: size,
            inputSize: CGSize(width: Int(result.width), height: Int(result.height)),
            model: Int(result.model), swaps: Int(result.swaps), wait: result.wait_ms,
            timing: OkoTiming(
                prepare: result.prepare_ms, network: result.network_ms, decode: result.decode_ms),
            detections: detections.map { OkoDetection($0, labels: labels, in: size) },
            objects: objects.map { OkoObject($0, label: labels.label(of: $0.class_id), in: size) },
            events: events.compactMap(OkoEvent.init), counts: try counts())
    }

    private func counts() throws -> [OkoCounts] {
        guard let tracker = oko_live_tracker(handle) else { return [] }
        var all: [OkoCounts] = []
        for counter in 0..<counterCount {
            all.append(try Counters(tracker: tracker).counts(of: counter))
        }
        return all
    }
}

/// What a call in C gives, valid until the next one.
private func list<Element>(
    _ call: (
        UnsafeMutablePointer<UnsafePointer<Element>?>, UnsafeMutablePointer<Int>
    ) -> oko_status
) throws -> UnsafeBufferPointer<Element> {
    var first: UnsafePointer<Element>?
    var count = 0
    try OkoError.check(call(&first, &count))
    return UnsafeBufferPointer(start: first, count: count)
}

private func withHandles<R>(
    of models: [OkoModel], _ body: (UnsafePointer<OpaquePointer?>?) -> R
) -> R {
    withExtendedLifetime(models) {
        models.map { Optional($0.handle) }.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}

/// What an app's handler leaves to be released is released after each frame.
private func pooled(_ body: () -> Void) {
    #if canImport(ObjectiveC)
        autoreleasepool { body() }
    #else
        body()
    #endif
}
