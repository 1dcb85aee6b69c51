import CoreGraphics
import CoreMedia
import CoreVideo
import Foundation
import ImageIO
import OkoC

/// Detection beside a camera that gives more frames than can be looked at (docs/live.md): the
/// camera's queue submits them, a thread of the detector's own looks at the newest, follows
/// objects, and tells what it has found. It keeps to a rate and a budget, and slows down when the
/// phone is hot. Any thread may call it.
public final class OkoLiveDetector: Sendable {
    /// Called on the detector's thread for each frame that was looked at. An error, an OkoError, is
    /// of one frame: the next one is tried again.
    public typealias Handler = @Sendable (Result<OkoLiveResult, any Error>) -> Void

    private let loop: LiveLoop
    private let system: SystemConditions?

    /// `models`: the same one opened at one or more input sizes, the largest first. Without
    /// `onResult` see `results()`. A handler that uses this detector holds it weakly: else it
    /// is not let go of before stop().
    public init(
        models: [OkoModel], options: OkoLiveOptions = .init(), onResult handler: Handler? = nil
    ) throws {
        loop = try LiveLoop(models: models, options: options)
        if let handler { loop.listeners.add(handler) }
        system = options.followsSystem ? SystemConditions(for: loop) : nil
        loop.start(qualityOfService: options.qualityOfService)
    }

    /// The thread ends by itself, also while it looks at a frame.
    deinit { loop.stop() }

    /// Takes a frame, or skips it, and returns within a millisecond: the buffer, which is as of
    /// OkoDetector.detect(), is not needed any longer. `time`: when it was taken, on a clock that
    /// does not go back.
    @discardableResult
    public func submit(
        _ pixelBuffer: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up,
        time: TimeInterval
    ) throws -> OkoTaken {
        try withFrame(of: pixelBuffer, orientation: orientation) {
            try submit(frame: $0, time: time)
        }
    }

    /// The same with CMSampleBufferGetPresentationTimeStamp().
    @discardableResult
    public func submit(
        _ pixelBuffer: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up, time: CMTime
    ) throws -> OkoTaken {
        try submit(pixelBuffer, orientation: orientation, time: time.seconds)
    }

    /// The same of a frame described in C, whose planes must stay valid during the call.
    @discardableResult
    public func submit(frame: oko_frame, time: TimeInterval) throws -> OkoTaken {
        try loop.submit(frame, time: time)
    }

    /// What is found from now on, the newest only: results that come while nobody asks for them are
    /// dropped. Ends with stop(), and throws an OkoError where a frame could not be looked at; ask
    /// for another then.
    public func results() -> AsyncThrowingStream<OkoLiveResult, any Error> {
        loop.listeners.stream()
    }

    /// Counts objects whose centre crosses a line of the frame, as OkoTracker.addLine(); waits for
    /// the frame that is being looked at. Its counts are in each result, by its number.
    public func addLine(
        from start: CGPoint, to end: CGPoint, classIndex: Int? = nil
    ) throws -> Int {
        try loop.addCounter {
            try $0.addLine(from: start, to: end, classIndex: classIndex)
        }
    }

    /// Counts objects whose centre is inside a polygon.
    public func addZone(_ corners: [CGPoint], classIndex: Int? = nil) throws -> Int {
        try loop.addCounter { try $0.addZone(corners, classIndex: classIndex) }
    }

    /// For another camera: all objects are forgotten and all counts are 0. Waits for the frame that
    /// is being looked at.
    public func resetTracking() { loop.resetTracking() }

    /// How hot the phone is. The options' `followsSystem` says so already as it changes.
    public func setHeat(_ heat: OkoHeat) { loop.setHeat(heat) }

    /// Other thresholds, from the next frame on that is looked at; objects keep their ids. They
    /// stay for models that come later: swap() and revert() throw an OkoError where `classScores`
    /// has another number of classes. If these are invalid, those before stay.
    public func setThresholds(_ thresholds: OkoThresholds) throws {
        try loop.setThresholds(thresholds)
    }

    /// For short memory: frees the buffers of inputs that are not in use, and the models before the
    /// last swap. `followsSystem` does so already on the system's warning.
    public func trim() { loop.trim() }

    /// Puts other models in place of those in use, between two frames. Each is tried on an empty
    /// image first, which takes as long as a frame: if one fails, those in use stay. Where names of
    /// classes differ, all objects are forgotten.
    public func swap(to models: [OkoModel]) throws { try loop.swap(to: models) }

    /// Back to the models before the last swap. OkoError.Status.failed: there are none any more.
    public func revert() throws { try loop.revert() }

    public var status: OkoLiveStatus { loop.status }

    /// No frame is taken any more, streams of results end, and handlers are let go of. A handler
    /// that runs just now is not waited for.
    public func stop() { loop.stop() }
}
