// What generated sources use of Apple's Core ML: a model that returns what a test gives it.
import CoreVideo
import Foundation

public enum MLMultiArrayDataType: Int, Sendable {
    case double = 0x10040
    case float32 = 0x10020
    case float16 = 0x10010
    case int32 = 0x20020
}

open class MLMultiArray: NSObject {
    public let shape: [NSNumber]
    public let strides: [NSNumber]
    public let dataType: MLMultiArrayDataType
    public let dataPointer: UnsafeMutableRawPointer
    public var count: Int { shape.reduce(1) { $0 * $1.intValue } }

    /// For tests: rows are a little longer than their values.
    public init(shape sizes: [Int], values: [Float], type: MLMultiArrayDataType) {
        precondition(type == .double || type == .float32)
        let row = sizes[2] + 3
        shape = sizes.map { NSNumber(value: $0) }
        strides = [row * sizes[1], row, 1].map { NSNumber(value: $0) }
        dataType = type
        dataPointer = .allocate(byteCount: sizes[0] * sizes[1] * row * 8, alignment: 64)
        for (i, value) in values.enumerated() {
            let at = i / sizes[2] * row + i % sizes[2]
            if type == .double {
                dataPointer.storeBytes(of: Double(value), toByteOffset: 8 * at, as: Double.self)
            } else {
                dataPointer.storeBytes(of: value, toByteOffset: 4 * at, as: Float.self)
            }
        }
    }

    deinit { dataPointer.deallocate() }

    open subscript(index: Int) -> NSNumber { fatalError("not used of these types") }
}

open class MLFeatureValue: NSObject {
    public let imageBufferValue: CVPixelBuffer?
    public let multiArrayValue: MLMultiArray?

    public init(pixelBuffer: CVPixelBuffer) {
        imageBufferValue = pixelBuffer
        multiArrayValue = nil
    }

    public init(multiArray: MLMultiArray) {
        imageBufferValue = nil
        multiArrayValue = multiArray
    }
}

public protocol MLFeatureProvider: AnyObject {
    func featureValue(for featureName: String) -> MLFeatureValue?
}

open class MLDictionaryFeatureProvider: MLFeatureProvider {
    private let values: [String: MLFeatureValue]
    public init(dictionary: [String: Any]) throws {
        values = dictionary.compactMapValues { $0 as? MLFeatureValue }
    }
    open func featureValue(for featureName: String) -> MLFeatureValue? { values[featureName] }
}

open class MLModelConfiguration: NSObject {}

open class MLModel: NSObject {
    public let outputs: [String: MLMultiArray]
    /// Its last image.
    public private(set) var image: CVPixelBuffer?

    public init(outputs: [String: MLMultiArray]) { self.outputs = outputs }
    public convenience init(contentsOf url: URL, configuration: MLModelConfiguration) throws {
        self.init(outputs: [:])
    }

    open func prediction(from input: any MLFeatureProvider) throws -> any MLFeatureProvider {
        image = input.featureValue(for: "image")?.imageBufferValue
        return try MLDictionaryFeatureProvider(
            dictionary: outputs.mapValues { MLFeatureValue(multiArray: $0) })
    }
}
