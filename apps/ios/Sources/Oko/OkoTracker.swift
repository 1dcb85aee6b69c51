import CoreGraphics
import CoreVideo
import Foundation
import ImageIO
import OkoC

/// Zero means the engine's default, as in oko.h.
public struct OkoTrackerOptions: Sendable {
    /// That are followed at a time, 1 to 4096; 0: 256.
    public var maxObjects = 0
    /// Detections above it continue objects that were just seen; 0: 0.1, negative: any.
    public var lowScore: Float = 0
    /// Seconds after which an object that was not seen is gone; 0: 1.5.
    public var lostAfter: TimeInterval = 0
    /// Detections in a row before an object is shown; 0: 2, 1: at once.
    public var confirm = 0
    /// Of boxes: how much longer than usual the past counts; 0: 1, at most 10.
    public var smoothing: Float = 0

    public init() {}

    var inC: oko_tracker_options {
        var options = oko_tracker_options()
        options.struct_size = MemoryLayout<oko_tracker_options>.size
        options.max_objects = Int32(clamping: maxObjects)
        options.low_score = lowScore
        options.lost_seconds = lostAfter
        options.confirm = Int32(clamping: confirm)
        options.smoothing = smoothing
        return options
    }
}

/// Gives detections of successive frames ids that stay with an object, also while it is hidden for
/// a moment, and counts objects that cross lines or are in zones (docs/tracking.md). Calls from
/// several threads wait for each other. An app with a camera uses OkoLiveDetector, which has a
/// tracker of its own.
public final class OkoTracker: @unchecked Sendable {
    private let handle: OpaquePointer
    private let lock = NSLock()
    /// Of the classes that were seen so far.
    private var labels: [Int: String] = [:]

    public init(options: OkoTrackerOptions = .init()) throws {
        var created: OpaquePointer?
        var inC = options.inC
        try OkoError.check(oko_tracker_create(&inC, &created))
        guard let tracker = created else {
            throw OkoError(status: .failed, text: "the engine returned no tracker")
        }
        handle = tracker
    }

    deinit { oko_tracker_destroy(handle) }

    /// Detects in a camera buffer, as OkoDetector.detect() does, and returns all objects that are
    /// known by now, by their ids. `time` is when it was taken, in seconds on any clock that does
    /// not go back: CMSampleBufferGetPresentationTimeStamp().seconds. The scores of `thresholds`
    /// are those of new objects.
    public func detect(
        _ pixelBuffer: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up,
        time: TimeInterval, with detector: OkoDetector, thresholds: OkoThresholds = .init()
    ) throws -> [OkoObject] {
        try withFrame(of: pixelBuffer, orientation: orientation) {
            try detect(frame: $0, time: time, with: detector, thresholds: thresholds)
        }
    }

    /// The same of a frame described in C, whose planes must stay valid during the call.
    public func detect(
        frame: oko_frame, time: TimeInterval, with detector: OkoDetector,
        thresholds: OkoThresholds = .init()
    ) throws -> [OkoObject] {
        var frame = frame
        frame.struct_size = MemoryLayout<oko_frame>.size
        return try follow(
            in: frame.size,
            labels: { labels in
                for (index, label) in detector.labels.enumerated() { labels[index] = label }
            },
            { objects, count in
                detector.withHandle { detector in
                    thresholds.withC {
                        oko_tracker_detect(handle, detector, &frame, $0, time, objects, count)
                    }
                }
            })
    }

    /// Follows detections that come from elsewhere, best with low scores too; `thresholds` say with
    /// which scores objects begin.
    public func update(
        _ detections: [OkoDetection], in frameSize: CGSize, time: TimeInterval,
        thresholds: OkoThresholds = .init()
    ) throws -> [OkoObject] {
        let inC = detections.map(\.inC)
        return try follow(
            in: frameSize,
            labels: { labels in
                for detection in detections { labels[detection.classIndex] = detection.label }
            },
            { objects, count in
                thresholds.withC {
                    oko_tracker_update(handle, inC, inC.count, $0, time, objects, count)
                }
            })
    }

    /// What happened in the last frame.
    public func events() throws -> [OkoEvent] {
        try lock.withLock {
            var events: UnsafePointer<oko_event>?
            var count = 0
            try OkoError.check(oko_tracker_events(handle, &events, &count))
            return UnsafeBufferPointer(start: events, count: count).compactMap(OkoEvent.init)
        }
    }

    /// Counts objects whose centre crosses the line, in pixels as boxes have them: from its left to
    /// its right, as one goes along it, is in. `classIndex` nil: of all classes. Up to 16 lines and
    /// zones; returns its number.
    public func addLine(
        from start: CGPoint, to end: CGPoint, classIndex: Int? = nil
    ) throws -> Int {
        try lock.withLock {
            try Counters(tracker: handle).addLine(from: start, to: end, classIndex: classIndex)
        }
    }

    /// Counts objects whose centre is inside a polygon.
    public func addZone(_ corners: [CGPoint], classIndex: Int? = nil) throws -> Int {
        try lock.withLock {
            try Counters(tracker: handle).addZone(corners, classIndex: classIndex)
        }
    }

    public func counts(of counter: Int) throws -> OkoCounts {
        try lock.withLock { try Counters(tracker: handle).counts(of: counter) }
    }

    /// For another camera or clip: all objects are forgotten and all counts are 0. Lines and zones
    /// stay, and no id is given twice.
    public func reset() { lock.withLock { oko_tracker_reset(handle) } }

    private typealias Objects = UnsafeMutablePointer<UnsafePointer<oko_object>?>

    private func follow(
        in frameSize: CGSize, labels remember: (inout [Int: String]) -> Void,
        _ call: (Objects, UnsafeMutablePointer<Int>) -> oko_status
    ) throws -> [OkoObject] {
        try lock.withLock {
            var objects: UnsafePointer<oko_object>?
            var count = 0
            try OkoError.check(call(&objects, &count))
            remember(&labels)
            return UnsafeBufferPointer(start: objects, count: count).map {
                OkoObject($0, label: labels[Int($0.class_id)] ?? "", in: frameSize)
            }
        }
    }
}
