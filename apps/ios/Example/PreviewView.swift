import AVFoundation
import UIKit

/// A camera's preview with boxes over it, which are right however the phone is held, whichever
/// camera it is and however the preview is cropped: the preview layer itself converts them.
final class PreviewView: UIView {
    private let camera: Camera
    private let boxes = BoxesView(frame: .zero)
    private var coordinator: AVCaptureDevice.RotationCoordinator?
    private var observations: [NSKeyValueObservation] = []

    override class var layerClass: AnyClass { AVCaptureVideoPreviewLayer.self }
    private var preview: AVCaptureVideoPreviewLayer { layer as! AVCaptureVideoPreviewLayer }

    init(camera: Camera) {
        self.camera = camera
        super.init(frame: .zero)
        preview.session = camera.session
        preview.videoGravity = .resizeAspectFill
        boxes.isUserInteractionEnabled = false
        addSubview(boxes)
        clipsToBounds = true
    }

    required init?(coder: NSCoder) { nil }

    override func layoutSubviews() {
        super.layoutSubviews()
        boxes.frame = bounds
    }

    func show(_ frame: LabelledFrame) {
        boxes.show(frame.boxes) { box in
            preview.layerRectConverted(
                fromMetadataOutputRect: CGRect(
                    x: box.minX / frame.size.width, y: box.minY / frame.size.height,
                    width: box.width / frame.size.width, height: box.height / frame.size.height))
        }
    }

    /// Keeps the preview and the detector upright from now on.
    func follow(_ device: AVCaptureDevice) {
        let coordinator = AVCaptureDevice.RotationCoordinator(device: device, previewLayer: preview)
        self.coordinator = coordinator
        observations = [
            coordinator.observe(\.videoRotationAngleForHorizonLevelPreview) { [weak self] _, _ in
                Task { @MainActor in self?.turn() }
            },
            coordinator.observe(\.videoRotationAngleForHorizonLevelCapture) { [weak self] _, _ in
                Task { @MainActor in self?.turn() }
            },
        ]
        turn()
    }

    private func turn() {
        guard let coordinator else { return }
        let angle = coordinator.videoRotationAngleForHorizonLevelPreview
        if let connection = preview.connection, connection.isVideoRotationAngleSupported(angle) {
            connection.videoRotationAngle = angle
        }
        camera.setAngle(coordinator.videoRotationAngleForHorizonLevelCapture)
    }
}
