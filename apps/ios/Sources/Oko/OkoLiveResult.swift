import CoreGraphics
import Foundation
import OkoC

/// What was found in a frame of a camera.
public struct OkoLiveResult: Sendable {
    /// When the frame was taken, as it was submitted.
    public let time: TimeInterval
    /// Of the frame, as stored.
    public let frameSize: CGSize
    /// Of the network's input.
    public let inputSize: CGSize
    /// The number of the model that was used.
    public let model: Int
    /// How often models were swapped or reverted before it.
    public let swaps: Int
    /// Milliseconds from submit() to the start of detection.
    public let wait: Double
    public let timing: OkoTiming
    /// Best first.
    public let detections: [OkoDetection]
    /// All that are known by now, by their ids; empty without tracking.
    public let objects: [OkoObject]
    public let events: [OkoEvent]
    /// Of each line and zone, by its number.
    public let counts: [OkoCounts]
}

/// What has become of a frame that was submitted.
public enum OkoTaken: Int32, Sendable {
    case taken = 0
    /// Instead of one that was still waiting.
    case takenNewer = 1
    /// There would be more than the options' framesPerSecond.
    case skippedForRate = 2
    /// The phone is hot.
    case skippedForHeat = 3
    case stopped = 4
}

/// Of an OkoLiveDetector, since it was made.
public struct OkoLiveStatus: Sendable {
    /// Frames.
    public let taken: Int
    /// That were taken, but not looked at.
    public let replaced: Int
    public let skippedForRate: Int
    public let skippedForHeat: Int
    public let lookedAt: Int
    /// The number of the model for the next frame.
    public let model: Int
    public let heat: OkoHeat
    /// Milliseconds that a frame takes, smoothed.
    public let frameTime: Double
    /// Looked at, over the last seconds.
    public let framesPerSecond: Double
    /// Even the smallest input takes longer than the budget.
    public let isOverBudget: Bool

    init(_ status: oko_live_status) {
        taken = Int(status.taken)
        replaced = Int(status.replaced)
        skippedForRate = Int(status.skipped_rate)
        skippedForHeat = Int(status.skipped_heat)
        lookedAt = Int(status.looked_at)
        model = Int(status.model)
        heat = OkoHeat(rawValue: status.heat) ?? .critical
        frameTime = status.frame_ms
        framesPerSecond = status.frames_per_second
        isOverBudget = status.over_budget != 0
    }
}

/// How hot the phone is.
public enum OkoHeat: Int32, Sendable {
    case nominal = 0
    /// At least as much rest as work.
    case fair = 1
    /// Three times as much, and the next smaller input.
    case serious = 2
    /// A frame a second, with the smallest input.
    case critical = 3

    /// A state that is not known yet is hotter than those that are.
    public init(_ state: ProcessInfo.ThermalState) {
        self = OkoHeat(rawValue: Int32(clamping: state.rawValue)) ?? .critical
    }
}
