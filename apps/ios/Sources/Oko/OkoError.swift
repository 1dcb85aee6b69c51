import Foundation
import OkoC

/// The engine's error: what was wrong, where, and how to fix it.
public struct OkoError: LocalizedError {
    public enum Status: Int, Sendable {
        case failed = 1
        case invalidArgument = 2
        case badModel = 3
        case storage = 4
        // Why a sealed model is refused:
        case badSignature = 5
        case noKey = 6
        case otherModel = 7
        case oldRelease = 8
        case expired = 9
        case oldApp = 10
    }

    public let status: Status
    public let text: String
    /// What the app's own key or store of releases threw, if that is why.
    public let cause: (any Error)?
    public var errorDescription: String? { text }

    init(status: Status, text: String, cause: (any Error)? = nil) {
        self.status = status
        self.text = text
        self.cause = cause
    }

    /// Throws the error of the thread's last call, unless it succeeded.
    static func check(_ status: oko_status, cause: (any Error)? = nil) throws {
        if status == OKO_OK { return }
        let text = String(cString: oko_last_error())
        throw OkoError(
            status: Status(rawValue: Int(status.rawValue)) ?? .failed, text: text, cause: cause)
    }
}
