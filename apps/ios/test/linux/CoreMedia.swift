// What the Swift package and the example use of Apple's Core Media; of the latter, to be compiled
// only.
@_exported import CoreVideo

public struct CMTime: Sendable {
    public var seconds: Double
    public init(seconds: Double, preferredTimescale: Int32) { self.seconds = seconds }
}

public final class CMSampleBuffer {}

public func CMSampleBufferGetImageBuffer(_ buffer: CMSampleBuffer) -> CVPixelBuffer? { nil }

public func CMSampleBufferGetPresentationTimeStamp(_ buffer: CMSampleBuffer) -> CMTime {
    CMTime(seconds: 0, preferredTimescale: 1)
}
