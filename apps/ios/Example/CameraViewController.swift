import AVFoundation
import Oko
import UIKit

/// Shows the camera with boxes around what the bundle's model.oko detects. Info.plist needs
/// NSCameraUsageDescription.
final class CameraViewController: UIViewController {
    private var camera: CameraDetector?
    private let preview = AVCaptureVideoPreviewLayer()
    private let boxes = CAShapeLayer()
    private let label = UILabel()

    override func viewDidLoad() {
        super.viewDidLoad()
        preview.videoGravity = .resizeAspectFill
        boxes.fillColor = nil
        boxes.strokeColor = UIColor.systemYellow.cgColor
        boxes.lineWidth = 2
        label.textColor = .systemYellow
        label.numberOfLines = 0
        view.layer.addSublayer(preview)
        view.layer.addSublayer(boxes)
        view.addSubview(label)
        openCamera()
    }

    override func viewDidLayoutSubviews() {
        super.viewDidLayoutSubviews()
        preview.frame = view.bounds
        boxes.frame = view.bounds
        label.frame = view.bounds.inset(by: view.safeAreaInsets)
    }

    override func viewWillAppear(_ animated: Bool) {
        super.viewWillAppear(animated)
        camera?.start()  // iOS asks for camera permission here
    }

    override func viewDidDisappear(_ animated: Bool) {
        super.viewDidDisappear(animated)
        camera?.stop()
    }

    private func openCamera() {
        guard let model = Bundle.main.url(forResource: "model", withExtension: "oko") else {
            label.text = "The bundle has no model.oko."
            return
        }
        do {
            let camera = try CameraDetector(model: model) { [weak self] in self?.show($0) }
            preview.session = camera.session
            self.camera = camera
        } catch {
            label.text = error.localizedDescription
        }
    }

    private func show(_ found: [OkoDetection]) {
        let path = CGMutablePath()
        for detection in found {
            let box = detection.normalisedBox
            path.addRect(preview.layerRectConverted(fromMetadataOutputRect: box))
        }
        boxes.path = path
        let lines = found.map { String(format: "%@ %.0f%%", $0.label, $0.score * 100) }
        label.text = lines.joined(separator: "\n")
    }
}
