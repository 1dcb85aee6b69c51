// What generated sources use of Apple's Vision, to be compiled only.
import CoreGraphics
import CoreML
import CoreVideo
import Foundation
import ImageIO

public typealias VNConfidence = Float
public struct VNImageOption: Hashable, Sendable {}
public enum VNImageCropAndScaleOption: UInt, Sendable { case centerCrop, scaleFit, scaleFill }

open class VNCoreMLModel: NSObject {
    public init(for model: MLModel) throws {}
    open var featureProvider: (any MLFeatureProvider)?
}

open class VNObservation: NSObject {
    open var confidence: VNConfidence { 0 }
}
open class VNDetectedObjectObservation: VNObservation {
    open var boundingBox: CGRect { .zero }
}
open class VNClassificationObservation: VNObservation {
    open var identifier: String { "" }
}
open class VNRecognizedObjectObservation: VNDetectedObjectObservation {
    open var labels: [VNClassificationObservation] { [] }
}

open class VNRequest: NSObject {
    open var results: [VNObservation]? { nil }
}
open class VNImageBasedRequest: VNRequest {}
open class VNCoreMLRequest: VNImageBasedRequest {
    public init(model: VNCoreMLModel) {}
    open var imageCropAndScaleOption: VNImageCropAndScaleOption = .centerCrop
}

open class VNImageRequestHandler: NSObject {
    public init(cvPixelBuffer: CVPixelBuffer, options: [VNImageOption: Any] = [:]) {}
    open func perform(_ requests: [VNRequest]) throws {}
}
