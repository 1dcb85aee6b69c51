import CoreVideo
import Foundation
import ImageIO
import OkoC

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
    let labels: [String]
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
        try withHandle { handle in
            var frame = frame
            frame.struct_size = MemoryLayout<oko_frame>.size
            var found: UnsafePointer<oko_detection>?
            var count = 0
            let status = thresholds.withC { oko_detect(handle, &frame, $0, &found, &count) }
            try OkoError.check(status)
            return UnsafeBufferPointer(start: found, count: count).map {
                OkoDetection($0, labels: labels, in: frame.size)
            }
        }
    }

    /// Detects in a camera buffer: 420v, 420f, BGRA, RGBA, RGB, BGR or grey. `orientation` makes
    /// the pixels upright. Boxes are in the buffer's own pixels.
    public func detect(
        _ pixelBuffer: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up,
        thresholds: OkoThresholds = .init()
    ) throws -> [OkoDetection] {
        try withFrame(of: pixelBuffer, orientation: orientation) {
            try detect(frame: $0, thresholds: thresholds)
        }
    }

    /// Where the time of the last frame went.
    public var timing: OkoTiming {
        withHandle { handle in
            var timing = oko_timing()
            timing.struct_size = MemoryLayout<oko_timing>.size
            oko_detector_timing(handle, &timing)
            return OkoTiming(
                prepare: timing.prepare_ms, network: timing.network_ms, decode: timing.decode_ms)
        }
    }

    /// The detector is this caller's while `body` runs.
    func withHandle<R>(_ body: (OpaquePointer) throws -> R) rethrows -> R {
        lock.lock()
        defer { lock.unlock() }
        return try body(handle)
    }
}
