import AVFoundation
import Oko

/// The back camera, processed frame by frame on its own queue.
final class CameraDetector: NSObject, @unchecked Sendable {
    typealias Show = @MainActor @Sendable ([OkoDetection]) -> Void

    let session = AVCaptureSession()
    private let queue = DispatchQueue(label: "oko.camera")
    private let detector: OkoDetector
    private let show: Show

    init(model: URL, show: @escaping Show) throws {
        detector = try OkoDetector(model: OkoModel(contentsOf: model), threads: 2)
        self.show = show
        super.init()
        try connect()
    }

    func start() { queue.async { self.session.startRunning() } }

    func stop() { queue.async { self.session.stopRunning() } }

    private func connect() throws {
        session.sessionPreset = .hd1280x720
        if let camera = AVCaptureDevice.default(for: .video) {
            let input = try AVCaptureDeviceInput(device: camera)
            if session.canAddInput(input) { session.addInput(input) }
        }
        let output = AVCaptureVideoDataOutput()
        let format = kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
        output.videoSettings = [kCVPixelBufferPixelFormatTypeKey as String: format]
        output.alwaysDiscardsLateVideoFrames = true
        output.setSampleBufferDelegate(self, queue: queue)
        if session.canAddOutput(output) { session.addOutput(output) }
    }
}

extension CameraDetector: AVCaptureVideoDataOutputSampleBufferDelegate {
    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer,
        from connection: AVCaptureConnection
    ) {
        guard let buffer = CMSampleBufferGetImageBuffer(sampleBuffer) else { return }
        // Pixels have the sensor's orientation: a phone held upright must rotate them to the right.
        guard let found = try? detector.detect(buffer, orientation: .right) else { return }
        let show = show
        DispatchQueue.main.async { show(found) }
    }
}
