import AVFoundation
import SwiftUI
import UIKit

/// For SwiftUI: the camera with boxes around what `look` finds in it.
///
///     CameraView { buffer, orientation in … }
@MainActor struct CameraView: UIViewControllerRepresentable {
    // @MainActor by its own word: what the protocol says is weaker in Swift 5.
    private let position: AVCaptureDevice.Position
    private let look: Camera.Look

    init(position: AVCaptureDevice.Position = .back, look: @escaping Camera.Look) {
        self.position = position
        self.look = look
    }

    func makeUIViewController(context: Context) -> CameraViewController {
        CameraViewController(position: position, look: look)
    }

    /// Another camera or detector is another view: give it an id().
    func updateUIViewController(_ controller: CameraViewController, context: Context) {}
}
