import CoreMedia
import CoreVideo
import Foundation
import ImageIO
import Oko

/// Looks at the newest frame by oko's engine, and follows objects: each keeps its number and
/// colour. Where the phone is too slow or hot, a smaller input is used.
nonisolated final class LiveWatcher: Watcher, @unchecked Sendable {
    private let models: [OkoModel]
    private let options: OkoLiveOptions
    // While the camera runs, on its queue alone:
    private var live: OkoLiveDetector?

    init(model url: URL, options: OkoLiveOptions = .init()) throws {
        let model = try OkoModel(contentsOf: url)
        models = [model] + Self.smaller(than: model, from: url)
        self.options = options
    }

    func start(show: @escaping @Sendable (Result<LabelledFrame, any Error>) -> Void) throws {
        live = try OkoLiveDetector(models: models, options: options) { result in
            show(result.map(Self.frame))
        }
    }

    func watch(
        _ buffer: CVPixelBuffer, orientation: CGImagePropertyOrientation, time: CMTime
    ) throws {
        try live?.submit(buffer, orientation: orientation, time: time)
    }

    func stop() { live = nil }

    /// The model at about half of its input's pixels, if it can be.
    private static func smaller(than model: OkoModel, from url: URL) -> [OkoModel] {
        let step = 32  // of most networks
        var options = OkoModelOptions()
        options.width = model.width * 7 / 10 / step * step
        options.height = model.height * 7 / 10 / step * step
        if options.width == 0 || options.height == 0 { return [] }
        return (try? OkoModel(contentsOf: url, options: options)).map { [$0] } ?? []
    }

    private static func frame(of result: OkoLiveResult) -> LabelledFrame {
        let boxes = result.objects.filter { !$0.isHidden }.map {
            LabelledBox(
                box: $0.box, label: $0.label, score: $0.score, kind: $0.classIndex,
                id: Int(clamping: $0.id))
        }
        return LabelledFrame(boxes: boxes, size: result.frameSize)
    }
}
