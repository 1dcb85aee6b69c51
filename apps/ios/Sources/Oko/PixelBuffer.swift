import CoreVideo
import Foundation
import ImageIO
import OkoC

/// The pixels of a buffer in C, locked for reading while `body` runs. `orientation` makes them
/// upright.
func withFrame<R>(
    of pixelBuffer: CVPixelBuffer, orientation: CGImagePropertyOrientation,
    _ body: (oko_frame) throws -> R
) throws -> R {
    let locked = CVPixelBufferLockBaseAddress(pixelBuffer, .readOnly)
    guard locked == kCVReturnSuccess else {
        throw OkoError(status: .failed, text: "the pixel buffer cannot be locked (\(locked))")
    }
    defer { CVPixelBufferUnlockBaseAddress(pixelBuffer, .readOnly) }
    var frame = try oko_frame(locked: pixelBuffer)
    oko_frame_orient(&frame, Int32(orientation.rawValue))
    return try body(frame)
}

extension oko_frame {
    var size: CGSize { CGSize(width: Int(width), height: Int(height)) }

    /// The pixels of a buffer whose base address is locked.
    fileprivate init(locked buffer: CVPixelBuffer) throws {
        self.init()
        width = Int32(clamping: CVPixelBufferGetWidth(buffer))
        height = Int32(clamping: CVPixelBufferGetHeight(buffer))
        let type = CVPixelBufferGetPixelFormatType(buffer)
        switch type {
        case kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange:
            setYuv(buffer, range: OKO_VIDEO_RANGE)
        case kCVPixelFormatType_420YpCbCr8BiPlanarFullRange:
            setYuv(buffer, range: OKO_FULL_RANGE)
        case kCVPixelFormatType_32BGRA: setPixels(buffer, OKO_BGRA)
        case kCVPixelFormatType_32RGBA: setPixels(buffer, OKO_RGBA)
        case kCVPixelFormatType_24RGB: setPixels(buffer, OKO_RGB)
        case kCVPixelFormatType_24BGR: setPixels(buffer, OKO_BGR)
        case kCVPixelFormatType_OneComponent8: setPixels(buffer, OKO_GREY)
        default:
            let text = "pixel format %08x is not supported (use 420v, 420f or BGRA; "
                + "Core Image's CIContext renders any other to BGRA)"
            throw OkoError(status: .invalidArgument, text: String(format: text, type))
        }
    }

    private mutating func setPixels(_ buffer: CVPixelBuffer, _ layout: oko_format) {
        format = Int32(layout.rawValue)
        planes.0 = Self.bytes(CVPixelBufferGetBaseAddress(buffer))
        strides.0 = CVPixelBufferGetBytesPerRow(buffer)
    }

    private mutating func setYuv(_ buffer: CVPixelBuffer, range: oko_range) {
        format = Int32(OKO_NV12.rawValue)
        self.range = Int32(range.rawValue)
        matrix = Int32(Self.matrix(of: buffer).rawValue)
        planes.0 = Self.bytes(CVPixelBufferGetBaseAddressOfPlane(buffer, 0))
        planes.1 = Self.bytes(CVPixelBufferGetBaseAddressOfPlane(buffer, 1))
        strides.0 = CVPixelBufferGetBytesPerRowOfPlane(buffer, 0)
        strides.1 = CVPixelBufferGetBytesPerRowOfPlane(buffer, 1)
    }

    private static func bytes(_ address: UnsafeMutableRawPointer?) -> UnsafePointer<UInt8>? {
        UnsafePointer(address?.assumingMemoryBound(to: UInt8.self))
    }

    /// The buffer's tagged matrix; BT.601 if it is not tagged.
    private static func matrix(of buffer: CVPixelBuffer) -> oko_matrix {
        let tag = CVBufferCopyAttachment(buffer, kCVImageBufferYCbCrMatrixKey, nil)
        guard let name = tag as? String else { return OKO_BT601 }
        if name == kCVImageBufferYCbCrMatrix_ITU_R_709_2 as String { return OKO_BT709 }
        if name == kCVImageBufferYCbCrMatrix_ITU_R_2020 as String { return OKO_BT2020 }
        return OKO_BT601
    }
}
