// What the Swift package uses of Apple's Core Video: buffers over memory of the tests.
import Foundation
import Metal
@_exported import Security

public typealias OSType = UInt32
public typealias CVReturn = Int32
public typealias CVPixelBuffer = CVBuffer

public final class CVBuffer {
    public struct Plane {
        public var address: UnsafeMutableRawPointer
        public var bytesPerRow: Int

        public init(address: UnsafeMutableRawPointer, bytesPerRow: Int) {
            self.address = address
            self.bytesPerRow = bytesPerRow
        }
    }

    fileprivate let format: OSType, width: Int, height: Int
    fileprivate let planes: [Plane]
    fileprivate let attachments: [CFString: CFString]
    fileprivate var owned: UnsafeMutableRawPointer?
    public fileprivate(set) var locks = 0

    public init(
        format: OSType, width: Int, height: Int, planes: [Plane],
        attachments: [CFString: CFString] = [:]
    ) {
        self.format = format
        self.width = width
        self.height = height
        self.planes = planes
        self.attachments = attachments
    }

    deinit { owned?.deallocate() }
}

public let kCVReturnSuccess: CVReturn = 0
public let kCVReturnError: CVReturn = -6660
public let kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange: OSType = 0x3432_3076
public let kCVPixelFormatType_420YpCbCr8BiPlanarFullRange: OSType = 0x3432_3066
public let kCVPixelFormatType_32BGRA: OSType = 0x4247_5241
public let kCVPixelFormatType_32RGBA: OSType = 0x5247_4241
public let kCVPixelFormatType_24RGB: OSType = 24
public let kCVPixelFormatType_24BGR: OSType = 0x3234_4247
public let kCVPixelFormatType_OneComponent8: OSType = 0x4C30_3038
public let kCVPixelBufferPixelFormatTypeKey: CFString = "PixelFormatType"
public let kCVPixelBufferIOSurfacePropertiesKey: CFString = "IOSurfaceProperties"
public let kCVImageBufferYCbCrMatrixKey: CFString = "CVImageBufferYCbCrMatrix"
public let kCVImageBufferYCbCrMatrix_ITU_R_709_2: CFString = "ITU_R_709_2"
public let kCVImageBufferYCbCrMatrix_ITU_R_2020: CFString = "ITU_R_2020"

public struct CVPixelBufferLockFlags: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let readOnly = CVPixelBufferLockFlags(rawValue: 1)
}

@discardableResult
public func CVPixelBufferLockBaseAddress(
    _ buffer: CVPixelBuffer, _ flags: CVPixelBufferLockFlags
) -> CVReturn {
    buffer.locks += 1
    return kCVReturnSuccess
}

@discardableResult
public func CVPixelBufferUnlockBaseAddress(
    _ buffer: CVPixelBuffer, _ flags: CVPixelBufferLockFlags
) -> CVReturn {
    buffer.locks -= 1
    return kCVReturnSuccess
}

public func CVPixelBufferGetWidth(_ buffer: CVPixelBuffer) -> Int { buffer.width }
public func CVPixelBufferGetHeight(_ buffer: CVPixelBuffer) -> Int { buffer.height }
public func CVPixelBufferGetPixelFormatType(_ buffer: CVPixelBuffer) -> OSType { buffer.format }

public func CVPixelBufferGetBaseAddress(_ buffer: CVPixelBuffer) -> UnsafeMutableRawPointer? {
    CVPixelBufferGetBaseAddressOfPlane(buffer, 0)
}

public func CVPixelBufferGetBytesPerRow(_ buffer: CVPixelBuffer) -> Int {
    CVPixelBufferGetBytesPerRowOfPlane(buffer, 0)
}

public func CVPixelBufferGetBaseAddressOfPlane(
    _ buffer: CVPixelBuffer, _ plane: Int
) -> UnsafeMutableRawPointer? {
    buffer.locks > 0 ? buffer.planes[plane].address : nil
}

public func CVPixelBufferGetBytesPerRowOfPlane(_ buffer: CVPixelBuffer, _ plane: Int) -> Int {
    buffer.planes[plane].bytesPerRow
}

public func CVBufferCopyAttachment(
    _ buffer: CVBuffer, _ key: CFString, _ mode: UnsafeMutablePointer<UInt32>?
) -> CFTypeRef? {
    buffer.attachments[key]
}

/// Of the four-byte formats.
@discardableResult
public func CVPixelBufferCreate(
    _ allocator: CFAllocator?, _ width: Int, _ height: Int, _ format: OSType,
    _ attributes: CFDictionary?, _ made: UnsafeMutablePointer<CVPixelBuffer?>
) -> CVReturn {
    let row = 4 * width + 32  // longer than its pixels
    let memory = UnsafeMutableRawPointer.allocate(byteCount: row * height, alignment: 64)
    let buffer = CVPixelBuffer(
        format: format, width: width, height: height,
        planes: [.init(address: memory, bytesPerRow: row)])
    buffer.owned = memory
    made.pointee = buffer
    return kCVReturnSuccess
}

public final class CVMetalTextureCache {}
public final class CVMetalTexture {}

@discardableResult
public func CVMetalTextureCacheCreate(
    _ allocator: CFAllocator?, _ cacheAttributes: CFDictionary?, _ device: any MTLDevice,
    _ textureAttributes: CFDictionary?, _ made: UnsafeMutablePointer<CVMetalTextureCache?>
) -> CVReturn { kCVReturnError }

@discardableResult
public func CVMetalTextureCacheCreateTextureFromImage(
    _ allocator: CFAllocator?, _ cache: CVMetalTextureCache, _ source: CVBuffer,
    _ attributes: CFDictionary?, _ format: MTLPixelFormat, _ width: Int, _ height: Int,
    _ plane: Int, _ made: UnsafeMutablePointer<CVMetalTexture?>
) -> CVReturn { kCVReturnError }

public func CVMetalTextureGetTexture(_ texture: CVMetalTexture) -> (any MTLTexture)? { nil }
