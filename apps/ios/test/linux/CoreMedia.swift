// What the example uses of Apple's Core Media, to be compiled only.
@_exported import CoreVideo

public final class CMSampleBuffer {}

public func CMSampleBufferGetImageBuffer(_ buffer: CMSampleBuffer) -> CVPixelBuffer? { nil }
