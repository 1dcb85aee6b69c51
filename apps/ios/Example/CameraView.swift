import AVFoundation
import SwiftUI
import UIKit

/// For SwiftUI: the camera with boxes around what its watcher finds.
@MainActor struct CameraView: UIViewControllerRepresentable {
    // @MainActor by its own word: what the protocol says is weaker in Swift 5.
    private let position: AVCaptureDevice.Position
    private let watcher: any Watcher

    init(position: AVCaptureDevice.Position = .back, watcher: any Watcher) {
        self.position = position
        self.watcher = watcher
    }

    func makeUIViewController(context: Context) -> CameraViewController {
        CameraViewController(position: position, watcher: watcher)
    }

    /// Another camera or watcher is another view: give it an id().
    func updateUIViewController(_ controller: CameraViewController, context: Context) {}
}
