import Foundation
import OkoC

/// What OkoLiveDetector keeps to. Zero means the default.
public struct OkoLiveOptions: Sendable {
    /// That work on a frame, the detector's own one included.
    public var threads = 1
    /// Of these threads.
    public var qualityOfService = QualityOfService.userInteractive
    /// That are looked at, at most; 0: as many as can be.
    public var framesPerSecond = 0.0
    /// Milliseconds that a frame may take: where it takes longer, a smaller input is used. 0: any
    /// time.
    public var budget = 0.0
    public var thresholds = OkoThresholds()
    /// nil: detections only.
    public var tracker: OkoTrackerOptions? = OkoTrackerOptions()
    /// Whether it hears of the phone's heat and short memory from the system.
    public var followsSystem = true
    /// Is told, in plain words, what is done and why. It is called by whichever thread does so, and
    /// must not call the detector.
    public var log: (@Sendable (OkoLogLevel, String) -> Void)?

    public init() {}

    /// The options in C, without the log, for as long as `body` runs.
    func withC<R>(_ body: (inout oko_live_options) -> R) -> R {
        var following = (tracker ?? OkoTrackerOptions()).inC
        return withUnsafePointer(to: &following) { following in
            thresholds.withC { thresholds in
                var options = oko_live_options()
                options.struct_size = MemoryLayout<oko_live_options>.size
                options.threads = Int32(clamping: threads)
                options.priority = Int32(priority.rawValue)
                options.budget_ms = budget
                options.frames_per_second = framesPerSecond
                options.thresholds = thresholds
                options.tracker = following
                options.no_tracking = tracker == nil ? 1 : 0
                return body(&options)
            }
        }
    }

    /// Of the threads that help the detector's own.
    private var priority: oko_priority {
        switch qualityOfService {
        case .userInteractive, .userInitiated: return OKO_PRIORITY_INTERACTIVE
        case .utility: return OKO_PRIORITY_UTILITY
        case .background: return OKO_PRIORITY_BACKGROUND
        default: return OKO_PRIORITY_INHERIT
        }
    }
}

public enum OkoLogLevel: Int32, Sendable {
    case info = 0
    /// The app should do something.
    case warning = 1
}
