import CoreGraphics
import CoreMedia
import CoreVideo
import ImageIO

/// Looks at a camera's frames. The camera calls it on its queue, from start() to stop().
nonisolated protocol Watcher: Sendable {
    /// `show` is told what is found, from any thread.
    func start(show: @escaping @Sendable (Result<LabelledFrame, any Error>) -> Void) throws
    /// A frame, whose orientation makes it upright. It may be used until this returns.
    func watch(
        _ buffer: CVPixelBuffer, orientation: CGImagePropertyOrientation, time: CMTime) throws
    func stop()
}

/// Looks at one frame after the other on the camera's queue; those that come meanwhile are dropped.
nonisolated final class LookWatcher: Watcher, @unchecked Sendable {
    typealias Look = @Sendable (CVPixelBuffer, CGImagePropertyOrientation) throws -> [LabelledBox]

    private let look: Look
    private var show: (@Sendable (Result<LabelledFrame, any Error>) -> Void)?

    init(look: @escaping Look) { self.look = look }

    func start(show: @escaping @Sendable (Result<LabelledFrame, any Error>) -> Void) {
        self.show = show
    }

    func watch(
        _ buffer: CVPixelBuffer, orientation: CGImagePropertyOrientation, time: CMTime
    ) throws {
        let size = CGSize(
            width: CVPixelBufferGetWidth(buffer), height: CVPixelBufferGetHeight(buffer))
        show?(.success(LabelledFrame(boxes: try look(buffer, orientation), size: size)))
    }

    func stop() { show = nil }
}
