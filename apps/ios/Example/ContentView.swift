import Oko
import SwiftUI

/// The back camera with boxes around what the bundle's model.oko finds.
struct ContentView: View {
    private let opened: Result<LiveWatcher, any Error>

    init() {
        opened = Result {
            guard let url = Bundle.main.url(forResource: "model", withExtension: "oko") else {
                throw CocoaError(.fileNoSuchFile)
            }
            var options = OkoLiveOptions()
            options.threads = 2
            options.framesPerSecond = 30
            options.budget = 60  // milliseconds
            return try LiveWatcher(model: url, options: options)
        }
    }

    var body: some View {
        switch opened {
        case .success(let watcher): CameraView(watcher: watcher).ignoresSafeArea()
        case .failure(let error): Text(error.localizedDescription).padding()
        }
    }
}
