import Foundation

/// Releases in the keychain, where they outlive the app: installing it anew does not make it forget
/// them. Neither its user nor who copies the app's files can change them; who has jailbroken the
/// phone, or erases it, can.
public struct OkoKeychainReleases: OkoReleases {
    private let keychain: Keychain

    public init(service: String = "dev.oko.releases") {
        keychain = Keychain(service: service)
    }

    public func release(of model: String) throws -> UInt64 {
        guard let stored = try keychain.read(model) else { return 0 }
        guard let release = UInt64(String(decoding: stored, as: UTF8.self)) else {
            throw OkoError(
                status: .storage, text: "keychain: \(model): not the number of a release")
        }
        return release
    }

    public func store(_ release: UInt64, of model: String) throws {
        try keychain.set(Data(String(release).utf8), model)
    }
}
