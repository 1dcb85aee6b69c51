import Oko
import SwiftUI

/// The back camera with boxes around what the bundle's model.oko finds.
struct ContentView: View {
    private let opened: Result<Camera.Look, any Error>

    init() {
        opened = Result {
            guard let url = Bundle.main.url(forResource: "model", withExtension: "oko") else {
                throw CocoaError(.fileNoSuchFile)
            }
            return Self.look(for: try OkoDetector(model: OkoModel(contentsOf: url), threads: 2))
        }
    }

    var body: some View {
        switch opened {
        case .success(let look): CameraView(look: look).ignoresSafeArea()
        case .failure(let error): Text(error.localizedDescription).padding()
        }
    }

    nonisolated private static func look(for detector: OkoDetector) -> Camera.Look {
        { buffer, orientation in
            try detector.detect(buffer, orientation: orientation).map {
                LabelledBox(box: $0.box, label: $0.label, score: $0.score, kind: $0.classIndex)
            }
        }
    }
}
