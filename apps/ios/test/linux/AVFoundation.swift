// What the example uses of Apple's AVFoundation, to be compiled only. No class is Sendable here,
// even if Apple says so of some: code that compiles with these compiles with those.
@_exported import CoreMedia
@_exported import Dispatch
@_exported import Foundation
import QuartzCore

public struct AVMediaType: Hashable, Sendable {
    public static let video = AVMediaType()
}

public struct AVLayerVideoGravity: Hashable, Sendable {
    public static let resizeAspectFill = AVLayerVideoGravity()
}

// Of Objective-C's key-value observing, which Swift on Linux has not.
public final class NSKeyValueObservation: NSObject { public func invalidate() {} }
public struct NSKeyValueObservingOptions: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
}
public struct NSKeyValueObservedChange<Value> {}

open class AVCaptureDevice: NSObject {
    public struct DeviceType: Hashable, Sendable {
        public static let builtInWideAngleCamera = DeviceType()
    }
    public enum Position: Int, Sendable { case unspecified, back, front }

    open class func requestAccess(for mediaType: AVMediaType) async -> Bool { false }
    open class func `default`(
        _ type: DeviceType, for mediaType: AVMediaType?, position: Position
    ) -> AVCaptureDevice? { nil }

    open class RotationCoordinator: NSObject {
        public init(device: AVCaptureDevice, previewLayer: CALayer?) {}
        open var videoRotationAngleForHorizonLevelPreview: CGFloat { 0 }
        open var videoRotationAngleForHorizonLevelCapture: CGFloat { 0 }
        public func observe<Value>(
            _ keyPath: KeyPath<RotationCoordinator, Value>,
            options: NSKeyValueObservingOptions = [],
            changeHandler: @escaping @Sendable (
                RotationCoordinator, NSKeyValueObservedChange<Value>
            ) -> Void
        ) -> NSKeyValueObservation { .init() }
    }
}

open class AVCaptureConnection: NSObject {
    open var automaticallyAdjustsVideoMirroring = true
    open var isVideoMirrored = false
    open var videoRotationAngle: CGFloat = 0
    open func isVideoRotationAngleSupported(_ angle: CGFloat) -> Bool { true }
}

open class AVCaptureInput: NSObject {}
open class AVCaptureDeviceInput: AVCaptureInput {
    public init(device: AVCaptureDevice) throws {}
}

open class AVCaptureOutput: NSObject {
    open func connection(with mediaType: AVMediaType) -> AVCaptureConnection? { nil }
}
open class AVCaptureVideoDataOutput: AVCaptureOutput {
    open var videoSettings: [String: Any]! = [:]
    open var alwaysDiscardsLateVideoFrames = true
    open func setSampleBufferDelegate(
        _ delegate: (any AVCaptureVideoDataOutputSampleBufferDelegate)?, queue: DispatchQueue?
    ) {}
}

public protocol AVCaptureVideoDataOutputSampleBufferDelegate: NSObjectProtocol {
    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer,
        from connection: AVCaptureConnection)
}

open class AVCaptureSession: NSObject {
    public struct Preset: Hashable, Sendable { public static let hd1280x720 = Preset() }
    open var sessionPreset = Preset()
    open func beginConfiguration() {}
    open func commitConfiguration() {}
    open func canAddInput(_ input: AVCaptureInput) -> Bool { true }
    open func addInput(_ input: AVCaptureInput) {}
    open func canAddOutput(_ output: AVCaptureOutput) -> Bool { true }
    open func addOutput(_ output: AVCaptureOutput) {}
    open func startRunning() {}
    open func stopRunning() {}
}

open class AVCaptureVideoPreviewLayer: CALayer {
    open var session: AVCaptureSession?
    open var connection: AVCaptureConnection? { nil }
    open var videoGravity = AVLayerVideoGravity()
    open func layerRectConverted(fromMetadataOutputRect rect: CGRect) -> CGRect { rect }
}
