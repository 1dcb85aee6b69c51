import Foundation
import OkoC

/// What a model's file says of itself (docs/oko-file.md); nil where it does not. Two files with one
/// checksum are the same. With one hash they find the same boxes with the same scores, and differ
/// at most in their texts, metrics and thresholds.
public struct OkoModelInfo: Sendable {
    /// Given by its author: "1.4.0".
    public let version: String?
    /// SHA-256 of network, weights and preprocessing, 64 digits.
    public let hash: String?
    /// Of all content, 16 digits.
    public let checksum: String?
    public let trained: Date?
    public let metrics: OkoMetrics?
    /// Whether the file has the thresholds of its classes, OkoModel.classThreshold().
    public let hasThresholds: Bool

    init(_ info: oko_model_info) {
        version = info.version.map { String(cString: $0) }
        hash = info.hash.map { String(cString: $0) }
        checksum = info.checksum.map { String(cString: $0) }
        trained = info.trained == 0 ? nil : Date(timeIntervalSince1970: Double(info.trained))
        metrics = OkoMetrics(info)
        hasThresholds = info.own_thresholds != 0
    }
}

/// How good the boxes are, measured on images that the model was not trained on.
public struct OkoMetrics: Sendable {
    /// Mean average precision at an overlap (IoU) of 0.5, 0 to 1.
    public let map50: Double
    /// The same averaged over overlaps of 0.5 to 0.95.
    public let map: Double
    /// The name of the dataset: "photos".
    public let dataset: String?
    /// "val".
    public let split: String?
    public let images: Int
    /// Whether these weights were measured, and not those that they were made from, by quantizing
    /// for example.
    public let areOfTheseWeights: Bool

    /// nil: nothing was measured.
    init?(_ info: oko_model_info) {
        if info.map50 == 0 && info.map == 0 && info.measured_images == 0 { return nil }
        map50 = info.map50
        map = info.map
        dataset = info.measured_on.map { String(cString: $0) }
        split = info.measured_split.map { String(cString: $0) }
        images = Int(info.measured_images)
        areOfTheseWeights = info.measured_itself != 0
    }
}
