import Foundation
import OkoC

public enum OkoPrecision: Int32, Sendable {
    case model = 0
    case float32 = 1
    case float16 = 2
    case int8 = 3
}

/// Zero and nil mean the model's and the engine's defaults.
public struct OkoModelOptions: Sendable {
    public var precision = OkoPrecision.model
    public var width = 0
    public var height = 0
    public var target: String?
    public var cacheURL: URL?
    /// Only `info`, class names and thresholds are wanted: it takes milliseconds and no memory for
    /// weights, and makes no detectors.
    public var describeOnly = false

    public init() {}
}

/// An open model. It is immutable: any number of threads may use it.
public final class OkoModel: @unchecked Sendable {
    let handle: OpaquePointer
    public let name: String
    /// The instruction set it runs on, such as "neon".
    public let target: String
    public let classNames: [String]
    public let precision: OkoPrecision
    /// Of the network's input.
    public let width: Int
    public let height: Int
    /// Bytes shared by all detectors, and per detector.
    public let weightBytes: UInt64
    public let detectorBytes: UInt64
    /// Whether the packed weights came from the cache.
    public let cacheHit: Bool
    /// What the file says of itself.
    public let info: OkoModelInfo

    /// Memory-maps a file.
    public convenience init(contentsOf url: URL, options: OkoModelOptions = .init()) throws {
        try self.init(options: options) { options, model in
            url.withUnsafeFileSystemRepresentation { path in
                oko_model_open_file(path, options, model)
            }
        }
    }

    /// Copies what it needs of an .oko file's bytes.
    public convenience init(data: Data, options: OkoModelOptions = .init()) throws {
        try self.init(options: options) { options, model in
            data.withUnsafeBytes { bytes in
                oko_model_open_memory(bytes.baseAddress, bytes.count, nil, nil, options, model)
            }
        }
    }

    /// Opens a sealed model's file, docs/sealed-models.md. An OkoError's status says why one is
    /// refused; what `seal`'s own key or releases threw is its cause.
    public convenience init(
        sealed url: URL, seal: OkoSealOptions, options: OkoModelOptions = .init()
    ) throws {
        try self.init(options: options, seal: seal) { seal, options, model in
            url.withUnsafeFileSystemRepresentation { path in
                oko_model_open_sealed_file(path, seal, options, model)
            }
        }
    }

    /// The same of its bytes, which are not needed afterwards.
    public convenience init(
        sealed data: Data, seal: OkoSealOptions, options: OkoModelOptions = .init()
    ) throws {
        try self.init(options: options, seal: seal) { seal, options, model in
            data.withUnsafeBytes { bytes in
                oko_model_open_sealed(bytes.baseAddress, bytes.count, seal, options, model)
            }
        }
    }

    private typealias Options = UnsafePointer<oko_model_options>
    private typealias Out = UnsafeMutablePointer<OpaquePointer?>

    private convenience init(
        options: OkoModelOptions, open: (Options, Out) -> oko_status
    ) throws {
        var opened: OpaquePointer?
        try OkoError.check(options.withC { open($0, &opened) })
        try self.init(opened)
    }

    private convenience init(
        options: OkoModelOptions, seal: OkoSealOptions,
        open: (UnsafePointer<oko_seal_options>, Options, Out) -> oko_status
    ) throws {
        var opened: OpaquePointer?
        try seal.withC { seal in options.withC { open(seal, $0, &opened) } }
        try self.init(opened)
    }

    private init(_ opened: OpaquePointer?) throws {
        guard let model = opened else {
            throw OkoError(status: .failed, text: "the engine returned no model")
        }
        handle = model

        var info = oko_model_info()
        info.struct_size = MemoryLayout<oko_model_info>.size
        oko_model_describe(model, &info)
        name = String(cString: info.name)
        target = String(cString: info.target)
        precision = OkoPrecision(rawValue: info.precision) ?? .float32
        width = Int(info.width)
        height = Int(info.height)
        weightBytes = info.weight_bytes
        detectorBytes = info.activation_bytes
        cacheHit = info.cache_hit != 0
        classNames = (0..<info.class_count).map { String(cString: oko_model_class_name(model, $0)) }
        self.info = OkoModelInfo(info)
    }

    /// The score that detections of a class must exceed unless OkoThresholds say otherwise: the
    /// file's own, chosen on its validation images, else 0.25. nil: there is no such class.
    public func classThreshold(_ classIndex: Int) -> Float? {
        let threshold = oko_model_class_threshold(handle, Int32(clamping: classIndex))
        return threshold < 0 ? nil : threshold
    }

    deinit { oko_model_close(handle) }
}

extension OkoModelOptions {
    /// The options in C, for as long as `body` runs.
    fileprivate func withC<R>(_ body: (UnsafePointer<oko_model_options>) -> R) -> R {
        withOptionalCString(target) { target in
            withOptionalCString(cacheURL?.path) { cache in
                var options = oko_model_options()
                options.struct_size = MemoryLayout<oko_model_options>.size
                options.precision = precision.rawValue
                options.width = Int32(clamping: width)
                options.height = Int32(clamping: height)
                options.target = target
                options.cache_path = cache
                options.describe_only = describeOnly ? 1 : 0
                return body(&options)
            }
        }
    }
}

func withOptionalCString<R>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
    guard let text else { return body(nil) }
    return text.withCString { body($0) }
}
