import CoreGraphics
import Foundation
import OkoC

public enum OkoNms: Int32, Sendable {
    case perClass = 0
    case agnostic = 1
    case soft = 2
}

/// Zero means the engine's default, as in oko.h.
public struct OkoThresholds: Sendable {
    /// Minimum score of all classes; 0: the model's own for each, else 0.25.
    public var score: Float = 0
    public var iou: Float = 0
    public var nms = OkoNms.perClass
    public var softSigma: Float = 0
    public var maxDetections = 0
    /// Minimum score per class, instead of `score`; empty: none.
    public var classScores: [Float] = []

    public init(score: Float = 0, iou: Float = 0) {
        self.score = score
        self.iou = iou
    }
}

public struct OkoDetection: Sendable {
    public let classIndex: Int
    public let label: String
    public let score: Float
    /// In the frame's own stored pixels, origin at the top left.
    public let box: CGRect
    /// The same relative to the frame's width and height, for
    /// AVCaptureVideoPreviewLayer.layerRectConverted(fromMetadataOutputRect:).
    public let normalisedBox: CGRect
}

/// Milliseconds.
public struct OkoTiming: Sendable {
    public let prepare: Double
    public let network: Double
    public let decode: Double
}

/// Detects objects in frames. Calls from several threads wait for each other; for concurrent frames
/// create several detectors, which share the model's weights.
public final class OkoDetector: @unchecked Sendable {
    private let handle: OpaquePointer
    private let labels: [String]
    private let lock = NSLock()

    /// `threads` work on one frame, the caller's included. `tiles`, 2 to 16, also looks at
    /// tiles × tiles overlapping parts of each frame, for small objects.
    public init(model: OkoModel, threads: Int = 1, tiles: Int = 1) throws {
        var options = oko_detector_options()
        options.struct_size = MemoryLayout<oko_detector_options>.size
        options.threads = Int32(clamping: threads)
        options.tiles = Int32(clamping: tiles)
        var created: OpaquePointer?
        try OkoError.check(oko_detector_create(model.handle, &options, &created))
        guard let detector = created else {
            throw OkoError(status: .failed, text: "the engine returned no detector")
        }
        handle = detector
        labels = model.classNames
    }

    deinit { oko_detector_destroy(handle) }

    /// Detects in a frame described in C, whose planes must stay valid during the call. Best first.
    public func detect(
        frame: oko_frame, thresholds: OkoThresholds = .init()
    ) throws -> [OkoDetection] {
        lock.lock()
        defer { lock.unlock() }
        var frame = frame
        frame.struct_size = MemoryLayout<oko_frame>.size
        var found: UnsafePointer<oko_detection>?
        var count = 0
        let status = thresholds.withC { oko_detect(handle, &frame, $0, &found, &count) }
        try OkoError.check(status)
        let size = CGSize(width: Int(frame.width), height: Int(frame.height))
        return UnsafeBufferPointer(start: found, count: count).map { detection($0, in: size) }
    }

    /// Where the time of the last frame went.
    public var timing: OkoTiming {
        lock.lock()
        defer { lock.unlock() }
        var timing = oko_timing()
        timing.struct_size = MemoryLayout<oko_timing>.size
        oko_detector_timing(handle, &timing)
        return OkoTiming(
            prepare: timing.prepare_ms, network: timing.network_ms, decode: timing.decode_ms)
    }

    private func detection(_ d: oko_detection, in size: CGSize) -> OkoDetection {
        let box = CGRect(
            x: CGFloat(d.left), y: CGFloat(d.top),
            width: CGFloat(d.right - d.left), height: CGFloat(d.bottom - d.top))
        let shares = CGRect(
            x: box.minX / size.width, y: box.minY / size.height,
            width: box.width / size.width, height: box.height / size.height)
        let index = Int(d.class_id)
        return OkoDetection(
            classIndex: index, label: labels[index], score: d.score, box: box,
            normalisedBox: shares)
    }
}

extension OkoThresholds {
    /// The thresholds in C, for as long as `body` runs.
    fileprivate func withC<R>(_ body: (UnsafePointer<oko_thresholds>) -> R) -> R {
        classScores.withUnsafeBufferPointer { scores in
            var thresholds = oko_thresholds()
            thresholds.struct_size = MemoryLayout<oko_thresholds>.size
            thresholds.score = score
            thresholds.iou = iou
            thresholds.nms = nms.rawValue
            thresholds.soft_sigma = softSigma
            thresholds.max_detections = Int32(clamping: maxDetections)
            thresholds.class_scores = scores.isEmpty ? nil : scores.baseAddress
            thresholds.class_score_count = scores.count
            return body(&thresholds)
        }
    }
}
