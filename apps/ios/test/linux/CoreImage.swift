// What generated sources use of Apple's Core Image. It converts a stand-in of RGBA to BGRA.
import CoreVideo
import Foundation

public final class CIImage {
    fileprivate let buffer: CVPixelBuffer
    public init(cvPixelBuffer: CVPixelBuffer) { buffer = cvPixelBuffer }
}

public final class CIContext {
    public init() {}

    public func render(_ image: CIImage, to target: CVPixelBuffer) {
        precondition(CVPixelBufferGetPixelFormatType(image.buffer) == kCVPixelFormatType_32RGBA)
        CVPixelBufferLockBaseAddress(image.buffer, .readOnly)
        CVPixelBufferLockBaseAddress(target, [])
        defer {
            CVPixelBufferUnlockBaseAddress(target, [])
            CVPixelBufferUnlockBaseAddress(image.buffer, .readOnly)
        }
        let from = CVPixelBufferGetBaseAddress(image.buffer)!
        let to = CVPixelBufferGetBaseAddress(target)!
        for y in 0..<CVPixelBufferGetHeight(target) {
            for x in 0..<CVPixelBufferGetWidth(target) {
                let source = from + y * CVPixelBufferGetBytesPerRow(image.buffer) + 4 * x
                let pixel = source.loadUnaligned(as: UInt32.self).bigEndian
                let (red, green, blue) = (pixel >> 24, pixel >> 16 & 255, pixel >> 8 & 255)
                let converted = (blue << 24 | green << 16 | red << 8 | 255).bigEndian
                (to + y * CVPixelBufferGetBytesPerRow(target) + 4 * x).storeBytes(
                    of: converted, as: UInt32.self)
            }
        }
    }
}
