// What generated sources use of Apple's Metal, to be compiled only.
import Foundation

public protocol MTLDevice: AnyObject, Sendable {
    func makeCommandQueue() -> (any MTLCommandQueue)?
    func makeTexture(descriptor: MTLTextureDescriptor) -> (any MTLTexture)?
}

public protocol MTLCommandQueue: AnyObject {
    func makeCommandBuffer() -> (any MTLCommandBuffer)?
}

public protocol MTLCommandBuffer: AnyObject {
    var device: any MTLDevice { get }
    var error: (any Error)? { get }
    func commit()
    func waitUntilCompleted()
    func makeRenderCommandEncoder(
        descriptor: MTLRenderPassDescriptor
    ) -> (any MTLRenderCommandEncoder)?
    func makeBlitCommandEncoder() -> (any MTLBlitCommandEncoder)?
}

public protocol MTLCommandEncoder: AnyObject { func endEncoding() }
public protocol MTLRenderCommandEncoder: MTLCommandEncoder {}

public protocol MTLBlitCommandEncoder: MTLCommandEncoder {
    func copy(
        from sourceTexture: any MTLTexture, sourceSlice: Int, sourceLevel: Int,
        sourceOrigin: MTLOrigin, sourceSize: MTLSize, to destinationTexture: any MTLTexture,
        destinationSlice: Int, destinationLevel: Int, destinationOrigin: MTLOrigin)
}

public protocol MTLTexture: AnyObject {
    var width: Int { get }
    var height: Int { get }
}

public struct MTLOrigin: Sendable {
    public init(x: Int, y: Int, z: Int) {}
}

public struct MTLSize: Sendable {
    public init(width: Int, height: Int, depth: Int) {}
}

public struct MTLClearColor: Sendable {
    public init(red: Double, green: Double, blue: Double, alpha: Double) {}
}

public enum MTLPixelFormat: UInt, Sendable { case bgra8Unorm = 80, rgba16Float = 115 }
public enum MTLLoadAction: UInt, Sendable { case dontCare, load, clear }
public enum MTLStoreAction: UInt, Sendable { case dontCare, store }
public enum MTLStorageMode: UInt, Sendable { case shared, managed, `private` }

public struct MTLTextureUsage: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let shaderRead = MTLTextureUsage(rawValue: 1)
    public static let shaderWrite = MTLTextureUsage(rawValue: 2)
    public static let renderTarget = MTLTextureUsage(rawValue: 4)
}

open class MTLTextureDescriptor: NSObject {
    open var usage: MTLTextureUsage = .shaderRead
    open var storageMode: MTLStorageMode = .shared

    open class func texture2DDescriptor(
        pixelFormat: MTLPixelFormat, width: Int, height: Int, mipmapped: Bool
    ) -> MTLTextureDescriptor { .init() }
}

open class MTLRenderPassColorAttachmentDescriptor: NSObject {
    open var texture: (any MTLTexture)?
    open var loadAction: MTLLoadAction = .dontCare
    open var storeAction: MTLStoreAction = .dontCare
    open var clearColor = MTLClearColor(red: 0, green: 0, blue: 0, alpha: 1)
}

open class MTLRenderPassColorAttachmentDescriptorArray: NSObject {
    open subscript(index: Int) -> MTLRenderPassColorAttachmentDescriptor! {
        get { .init() }
        set {}
    }
}

open class MTLRenderPassDescriptor: NSObject {
    open var colorAttachments: MTLRenderPassColorAttachmentDescriptorArray { .init() }
}
