import AVFoundation
import UIKit

/// For UIKit: the camera with boxes around what its watcher finds.
final class CameraViewController: UIViewController {
    private let camera: Camera
    private let position: AVCaptureDevice.Position
    private let preview: PreviewView
    private let message = UILabel()

    init(position: AVCaptureDevice.Position = .back, watcher: any Watcher) {
        self.position = position
        camera = Camera(watcher: watcher)
        preview = PreviewView(camera: camera)
        super.init(nibName: nil, bundle: nil)
    }

    required init?(coder: NSCoder) { nil }

    override func viewDidLoad() {
        super.viewDidLoad()
        message.numberOfLines = 0
        message.textAlignment = .center
        view.backgroundColor = .black
        message.textColor = .white
        view.addSubview(preview)
        view.addSubview(message)
    }

    override func viewDidLayoutSubviews() {
        super.viewDidLayoutSubviews()
        preview.frame = view.bounds
        message.frame = view.bounds.inset(by: view.safeAreaInsets)
    }

    override func viewWillAppear(_ animated: Bool) {
        super.viewWillAppear(animated)
        Task {
            do {
                try await camera.start(position) { [weak self] in self?.show($0) }
                if let device = Camera.device(at: position) { preview.follow(device) }
            } catch {
                show(.failure(error))
            }
        }
    }

    override func viewDidDisappear(_ animated: Bool) {
        super.viewDidDisappear(animated)
        camera.stop()
    }

    private func show(_ result: Result<LabelledFrame, any Error>) {
        switch result {
        case .success(let frame):
            preview.show(frame)
            message.text = nil
        case .failure(let error):
            message.text = Self.text(of: error)
        }
    }

    static func text(of error: any Error) -> String {
        switch error {
        case Camera.Failure.notAllowed: return "The app may not use the camera: see Settings."
        case Camera.Failure.noCamera: return "There is no such camera."
        default: return error.localizedDescription
        }
    }
}
