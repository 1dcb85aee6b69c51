import AVFoundation
import ImageIO

/// A camera whose frames a watcher gets on a queue of the camera's own; those that come while it is
/// busy are dropped. Info.plist needs NSCameraUsageDescription.
nonisolated final class Camera: NSObject, @unchecked Sendable {
    /// Called on the main actor, for every frame that was looked at.
    typealias Show = @MainActor @Sendable (Result<LabelledFrame, any Error>) -> Void

    nonisolated enum Failure: Error {
        /// The user has not allowed it: send them to the settings.
        case notAllowed
        /// There is none at this side of the device, as in the simulator.
        case noCamera
    }

    let session = AVCaptureSession()
    private let queue = DispatchQueue(label: "oko.camera", qos: .userInitiated)
    private let watcher: any Watcher
    // These are used on the queue alone:
    private var show: Show?  // while it runs
    private var angle: CGFloat = 0
    private var isConnected = false

    init(watcher: any Watcher) { self.watcher = watcher }

    static func device(at position: AVCaptureDevice.Position) -> AVCaptureDevice? {
        .default(.builtInWideAngleCamera, for: .video, position: position)
    }

    /// Asks for permission if that was not done yet, and starts.
    func start(_ position: AVCaptureDevice.Position, show: @escaping Show) async throws {
        guard await AVCaptureDevice.requestAccess(for: .video) else { throw Failure.notAllowed }
        try await withCheckedThrowingContinuation {
            (started: CheckedContinuation<Void, any Error>) in
            queue.async {
                started.resume(
                    with: Result {
                        try self.connect(position)
                        try self.watcher.start { found in Task { @MainActor in show(found) } }
                        self.show = show
                        self.session.startRunning()
                    })
            }
        }
    }

    func stop() {
        queue.async {
            self.show = nil
            self.session.stopRunning()
            self.watcher.stop()
        }
    }

    /// How far the sensor's pixels must be turned clockwise to be upright, in degrees:
    /// videoRotationAngleForHorizonLevelCapture of the device's RotationCoordinator.
    func setAngle(_ degrees: CGFloat) { queue.async { self.angle = degrees } }

    private func connect(_ position: AVCaptureDevice.Position) throws {
        if isConnected { return }
        guard let device = Self.device(at: position) else { throw Failure.noCamera }
        session.beginConfiguration()
        defer { session.commitConfiguration() }
        session.sessionPreset = .hd1280x720
        let input = try AVCaptureDeviceInput(device: device)
        let output = AVCaptureVideoDataOutput()
        guard session.canAddInput(input), session.canAddOutput(output) else {
            throw Failure.noCamera
        }
        session.addInput(input)
        // Of the sensor's own format nothing is converted.
        output.videoSettings = [
            kCVPixelBufferPixelFormatTypeKey as String:
                kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
        ]
        output.alwaysDiscardsLateVideoFrames = true
        output.setSampleBufferDelegate(self, queue: queue)
        session.addOutput(output)
        // As the sensor has them: the detector turns them while it reads them, and the preview
        // layer takes boxes in the sensor's coordinates.
        if let connection = output.connection(with: .video) {
            connection.automaticallyAdjustsVideoMirroring = false
            connection.isVideoMirrored = false
            if connection.isVideoRotationAngleSupported(0) { connection.videoRotationAngle = 0 }
        }
        isConnected = true
    }
}

nonisolated extension Camera: AVCaptureVideoDataOutputSampleBufferDelegate {
    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer,
        from connection: AVCaptureConnection
    ) {
        guard let show, let buffer = CMSampleBufferGetImageBuffer(sampleBuffer) else { return }
        do {
            try watcher.watch(
                buffer, orientation: Self.orientation(angle),
                time: CMSampleBufferGetPresentationTimeStamp(sampleBuffer))
        } catch {
            Task { @MainActor in show(.failure(error)) }
        }
    }

    static func orientation(_ degrees: CGFloat) -> CGImagePropertyOrientation {
        switch (Int(degrees.rounded()) % 360 + 360) % 360 {
        case 90: return .right
        case 180: return .down
        case 270: return .left
        default: return .up
        }
    }
}
