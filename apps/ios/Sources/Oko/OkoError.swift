import Foundation
import OkoC

/// The engine's error: what was wrong, where, and how to fix it.
public struct OkoError: LocalizedError {
    public enum Status: Int {
        case failed = 1
        case invalidArgument = 2
        case badModel = 3
        case storage = 4
    }

    public let status: Status
    public let text: String
    public var errorDescription: String? { text }

    /// Throws the error of the thread's last call, unless it succeeded.
    static func check(_ status: oko_status) throws {
        if status == OKO_OK { return }
        let text = String(cString: oko_last_error())
        throw OkoError(status: Status(rawValue: Int(status.rawValue)) ?? .failed, text: text)
    }
}
