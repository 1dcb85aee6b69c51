import Foundation

#if canImport(UIKit)
    import UIKit
#endif

/// Tells a live camera of the phone's heat and short memory, for as long as it is kept.
final class SystemConditions: @unchecked Sendable {
    private let observers: [any NSObjectProtocol]

    init(for loop: LiveLoop) {
        // The system notifies only those who have read its state before.
        loop.setHeat(OkoHeat(ProcessInfo.processInfo.thermalState))
        var observers = [
            Self.observe(ProcessInfo.thermalStateDidChangeNotification, for: loop) {
                $0.setHeat(OkoHeat(ProcessInfo.processInfo.thermalState))
            }
        ]
        #if canImport(UIKit)
            observers.append(
                Self.observe(UIApplication.didReceiveMemoryWarningNotification, for: loop) { loop in
                    // It comes in the main thread, and this waits for the frame that is looked at.
                    DispatchQueue.global(qos: .utility).async { loop.trim() }
                })
        #endif
        self.observers = observers
    }

    deinit {
        for observer in observers { NotificationCenter.default.removeObserver(observer) }
    }

    private static func observe(
        _ name: Notification.Name, for loop: LiveLoop,
        _ react: @escaping @Sendable (LiveLoop) -> Void
    ) -> any NSObjectProtocol {
        NotificationCenter.default.addObserver(forName: name, object: nil, queue: nil) {
            [weak loop] _ in
            if let loop { react(loop) }
        }
    }
}
