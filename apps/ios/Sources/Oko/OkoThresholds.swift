import OkoC

public enum OkoNms: Int32, Sendable {
    case perClass = 0
    case agnostic = 1
    case soft = 2
}

/// Zero means the engine's default, as in oko.h.
public struct OkoThresholds: Sendable {
    public var score: Float = 0
    public var iou: Float = 0
    public var nms = OkoNms.perClass
    public var softSigma: Float = 0
    public var maxDetections = 0
    /// Minimum score per class, instead of `score`; empty: none.
    public var classScores: [Float] = []

    public init(score: Float = 0, iou: Float = 0) {
        self.score = score
        self.iou = iou
    }
}

extension OkoThresholds {
    /// The thresholds in C, for as long as `body` runs.
    func withC<R>(_ body: (UnsafePointer<oko_thresholds>) -> R) -> R {
        classScores.withUnsafeBufferPointer { scores in
            var thresholds = oko_thresholds()
            thresholds.struct_size = MemoryLayout<oko_thresholds>.size
            thresholds.score = score
            thresholds.iou = iou
            thresholds.nms = nms.rawValue
            thresholds.soft_sigma = softSigma
            thresholds.max_detections = Int32(clamping: maxDetections)
            thresholds.class_scores = scores.isEmpty ? nil : scores.baseAddress
            thresholds.class_score_count = scores.count
            return body(&thresholds)
        }
    }
}
