import Foundation

/// What a model's file says of itself.
struct ModelTests {
    let folder: URL

    func run() throws {
        let plain = try OkoModel(contentsOf: file("plain.oko"))
        check(plain.info.version == nil && plain.info.trained == nil, "nothing is said")
        check(plain.info.metrics == nil && !plain.info.hasThresholds, "nothing was measured")
        check(plain.info.hash?.count == 64 && plain.info.checksum?.count == 16, "hashes")
        check(plain.classThreshold(1) == 0.25, "the usual threshold")
        check(plain.classThreshold(2) == nil && plain.classThreshold(-1) == nil, "no such class")

        var options = OkoModelOptions()
        options.describeOnly = true
        let other = try OkoModel(contentsOf: file("other.oko"), options: options)
        check(other.info.version == "1.4.0", "version")
        check(other.info.trained == Date(timeIntervalSince1970: 1_750_000_000), "trained")
        check(other.info.hash != plain.info.hash, "another network")
        check(other.info.hasThresholds, "own thresholds")
        check(other.classThreshold(0) == 0.3 && other.classThreshold(1) == 0.4, "thresholds")
        check(other.classNames == ["bird", "fish"], "class names")
        guard let metrics = other.info.metrics else { return check(false, "metrics") }
        check(metrics.map50 == 0.9 && metrics.map == 0.6, "mAP")
        check(metrics.dataset == "pets" && metrics.split == "val", "what was measured on")
        check(metrics.images == 120 && metrics.areOfTheseWeights, "what was measured")
        do {
            _ = try OkoDetector(model: other)
            check(false, "a model that is only described detects")
        } catch let error as OkoError {
            check(error.status == .invalidArgument, "\(error)")
        }
    }

    private func file(_ name: String) -> URL { folder.appendingPathComponent(name) }
}
