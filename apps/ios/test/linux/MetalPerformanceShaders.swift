// What generated sources use of Apple's Metal Performance Shaders, to be compiled only.
import Foundation
import Metal

public struct MPSOffset: Sendable {
    public var x: Int, y: Int, z: Int
    public init(x: Int, y: Int, z: Int) { (self.x, self.y, self.z) = (x, y, z) }
}

public struct MPSScaleTransform: Sendable {
    public init(scaleX: Double, scaleY: Double, translateX: Double, translateY: Double) {}
}

public enum MPSImageEdgeMode: UInt, Sendable { case zero, clamp }
public enum MPSImageFeatureChannelFormat: UInt, Sendable {
    case none, unorm8, unorm16, float16, float32
}
public enum MPSDataLayout: UInt, Sendable {
    case HeightxWidthxFeatureChannels, featureChannelsxHeightxWidth
}
public enum MPSDataType: UInt32, Sendable { case float32, float16 }
public enum MPSCNNNeuronType: Int32, Sendable {
    case none, reLU, sigmoid, hardSigmoid, tanH, softPlus, elu, reLUN
}

public struct MPSNNPaddingMethod: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let custom = MPSNNPaddingMethod(rawValue: 16384)
}

open class MPSImageDescriptor: NSObject {
    open var width = 0
    open var height = 0
}

public protocol MPSImageAllocator: NSSecureCoding, NSObjectProtocol {}
open class MPSState: NSObject {}

open class MPSImage: NSObject {
    public init(texture: any MTLTexture, featureChannels: Int) {}
    open var width: Int { 0 }
    open var height: Int { 0 }
    open var featureChannels: Int { 0 }
    open class func defaultAllocator() -> any MPSImageAllocator { fatalError() }
    open func readBytes(
        _ bytes: UnsafeMutableRawPointer, dataLayout: MPSDataLayout, imageIndex: Int
    ) {}
}

open class MPSKernel: NSObject {}

open class MPSCNNKernel: MPSKernel {
    open var offset = MPSOffset(x: 0, y: 0, z: 0)
    open var edgeMode: MPSImageEdgeMode = .zero
}

open class MPSImageScale: MPSKernel {
    public init(device: any MTLDevice) {}
    open var edgeMode: MPSImageEdgeMode = .zero
    open var scaleTransform: UnsafePointer<MPSScaleTransform>?
    open func encode(
        commandBuffer: any MTLCommandBuffer, sourceTexture: any MTLTexture,
        destinationTexture: any MTLTexture
    ) {}
}

open class MPSImageBilinearScale: MPSImageScale {}

public protocol MPSHandle: NSSecureCoding, NSObjectProtocol {}

public protocol MPSNNPadding: NSSecureCoding, NSObjectProtocol {
    func paddingMethod() -> MPSNNPaddingMethod
    // Optional in Objective-C:
    func label() -> String
    func destinationImageDescriptor(
        forSourceImages sourceImages: [MPSImage], sourceStates: [MPSState]?, for kernel: MPSKernel,
        suggestedDescriptor inDescriptor: MPSImageDescriptor
    ) -> MPSImageDescriptor
}

open class MPSNNImageNode: NSObject {
    public init(handle: (any MPSHandle)?) {}
    open var format: MPSImageFeatureChannelFormat = .none
    open var imageAllocator: any MPSImageAllocator {
        get { fatalError() }
        set {}
    }
    open var synchronizeResource = false
}

open class MPSNNFilterNode: NSObject {
    open var resultImage: MPSNNImageNode { .init(handle: nil) }
    open var label: String?
    open var paddingPolicy: any MPSNNPadding {
        get { fatalError() }
        set {}
    }
}

open class MPSNNNeuronDescriptor: NSObject {
    open class func cnnNeuronDescriptor(with type: MPSCNNNeuronType) -> MPSNNNeuronDescriptor {
        .init()
    }
    open class func cnnNeuronDescriptor(
        with type: MPSCNNNeuronType, a: Float
    ) -> MPSNNNeuronDescriptor { .init() }
    open class func cnnNeuronDescriptor(
        with type: MPSCNNNeuronType, a: Float, b: Float
    ) -> MPSNNNeuronDescriptor { .init() }
}

open class MPSCNNNeuronLinearNode: MPSNNFilterNode {
    public init(source: MPSNNImageNode, a: Float, b: Float) {}
}
open class MPSCNNNeuronReLUNode: MPSNNFilterNode {
    public init(source: MPSNNImageNode, a: Float) {}
}
open class MPSCNNNeuronReLUNNode: MPSNNFilterNode {
    public init(source: MPSNNImageNode, a: Float, b: Float) {}
}
open class MPSCNNNeuronSigmoidNode: MPSNNFilterNode {
    public init(source: MPSNNImageNode) {}
}
open class MPSCNNNeuronSoftPlusNode: MPSNNFilterNode {
    public init(source: MPSNNImageNode, a: Float, b: Float) {}
}
open class MPSCNNNeuronTanHNode: MPSNNFilterNode {
    public init(source: MPSNNImageNode, a: Float, b: Float) {}
}
open class MPSCNNNeuronHardSigmoidNode: MPSNNFilterNode {
    public init(source: MPSNNImageNode, a: Float, b: Float) {}
}
open class MPSCNNNeuronELUNode: MPSNNFilterNode {
    public init(source: MPSNNImageNode, a: Float) {}
}

open class MPSCNNConvolutionDescriptor: NSObject {
    public convenience init(
        kernelWidth: Int, kernelHeight: Int, inputFeatureChannels: Int, outputFeatureChannels: Int
    ) { self.init() }
    open var groups = 1
    open var strideInPixelsX = 1
    open var strideInPixelsY = 1
    open var kernelWidth = 1
    open var kernelHeight = 1
    open var inputFeatureChannels = 1
    open var outputFeatureChannels = 1
    open var fusedNeuronDescriptor = MPSNNNeuronDescriptor()
}

open class MPSCNNDepthWiseConvolutionDescriptor: MPSCNNConvolutionDescriptor {}

public protocol MPSCNNConvolutionDataSource: NSCopying, NSObjectProtocol {
    func dataType() -> MPSDataType
    func descriptor() -> MPSCNNConvolutionDescriptor
    func weights() -> UnsafeMutableRawPointer
    func biasTerms() -> UnsafeMutablePointer<Float>?
    func load() -> Bool
    func purge()
    func label() -> String?
}

open class MPSCNNConvolutionNode: MPSNNFilterNode {
    public init(source: MPSNNImageNode, weights: any MPSCNNConvolutionDataSource) {}
}
open class MPSCNNPoolingMaxNode: MPSNNFilterNode {
    public init(
        source: MPSNNImageNode, kernelWidth: Int, kernelHeight: Int, strideInPixelsX: Int,
        strideInPixelsY: Int
    ) {}
}
open class MPSCNNPoolingAverageNode: MPSNNFilterNode {
    public init(
        source: MPSNNImageNode, kernelWidth: Int, kernelHeight: Int, strideInPixelsX: Int,
        strideInPixelsY: Int
    ) {}
}
open class MPSCNNUpsamplingNearestNode: MPSNNFilterNode {
    public init(source: MPSNNImageNode, integerScaleFactorX: Int, integerScaleFactorY: Int) {}
}
open class MPSCNNUpsamplingBilinearNode: MPSNNFilterNode {
    public init(
        source: MPSNNImageNode, integerScaleFactorX: Int, integerScaleFactorY: Int,
        alignCorners: Bool
    ) {}
}
open class MPSNNConcatenationNode: MPSNNFilterNode {
    public init(sources: [MPSNNImageNode]) {}
}
open class MPSNNBinaryArithmeticNode: MPSNNFilterNode {
    public init(leftSource: MPSNNImageNode, rightSource: MPSNNImageNode) {}
}
open class MPSNNAdditionNode: MPSNNBinaryArithmeticNode {}
open class MPSNNMultiplicationNode: MPSNNBinaryArithmeticNode {}
open class MPSCNNSoftMaxNode: MPSNNFilterNode {
    public init(source: MPSNNImageNode) {}
}

open class MPSNNGraph: MPSKernel {
    public init?(
        device: any MTLDevice, resultImages: [MPSNNImageNode],
        resultsAreNeeded: UnsafeMutablePointer<ObjCBool>?
    ) { nil }
    open var format: MPSImageFeatureChannelFormat = .none
    open func encode(
        to commandBuffer: any MTLCommandBuffer, sourceImages: [MPSImage], sourceStates: [MPSState]?,
        intermediateImages: NSMutableArray?, destinationStates: NSMutableArray?
    ) -> MPSImage? { nil }
}
