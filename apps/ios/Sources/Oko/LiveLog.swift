import OkoC

/// What C calls to tell what a live camera does. It has to outlive that.
final class LiveLog: Sendable {
    private let write: (@Sendable (OkoLogLevel, String) -> Void)?

    init(_ write: (@Sendable (OkoLogLevel, String) -> Void)?) { self.write = write }

    func connect(_ options: inout oko_live_options) {
        if write == nil { return }
        options.log = { context, level, text in
            guard let context, let text else { return }
            let log = Unmanaged<LiveLog>.fromOpaque(context).takeUnretainedValue()
            log.write?(OkoLogLevel(rawValue: level) ?? .warning, String(cString: text))
        }
        options.log_context = Unmanaged.passUnretained(self).toOpaque()
    }
}
