import CryptoKit
import Foundation
import Security

/// A P-256 key of the Secure Enclave, which does not leave it. What the keychain has of it is
/// encrypted by the Enclave of this device, and of no use on another one.
public struct OkoEnclaveKey: OkoAgreementKey, @unchecked Sendable {
    private let key: SecureEnclave.P256.KeyAgreement.PrivateKey

    /// The app's key of this name, created if there is none. It outlives the app in the keychain,
    /// but not the erasing of the phone: the app then needs the model sealed for another
    /// `recipient`.
    public init(name: String = "model") throws {
        guard SecureEnclave.isAvailable else {
            throw OkoError(
                status: .failed,
                text: "this device has no Secure Enclave (give OkoSealOptions an identity there)")
        }
        if let kept = try Self.keychain.read(name) {
            key = try Self.restored(kept, name)
            return
        }
        let made = try Self.make()
        if try Self.keychain.add(made.dataRepresentation, name) {
            key = made
            return
        }
        // Another thread or extension was first.
        guard let kept = try Self.keychain.read(name) else {
            throw OkoError(status: .storage, text: "keychain: \(name): was deleted meanwhile")
        }
        key = try Self.restored(kept, name)
    }

    /// Deletes the key: what was sealed for it is not opened any more.
    public static func delete(name: String = "model") throws {
        try keychain.delete(name)
    }

    public var publicKey: P256.KeyAgreement.PublicKey { key.publicKey }

    public func sharedSecretFromKeyAgreement(with share: P256.KeyAgreement.PublicKey) throws
        -> SharedSecret
    {
        try key.sharedSecretFromKeyAgreement(with: share)
    }

    private static let keychain = Keychain(service: "dev.oko.enclave")

    private static func make() throws -> SecureEnclave.P256.KeyAgreement.PrivateKey {
        var fault: Unmanaged<CFError>?
        let access = SecAccessControlCreateWithFlags(
            nil, kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly, .privateKeyUsage, &fault)
        guard let access else {
            let reason = fault?.takeRetainedValue()
            throw OkoError(
                status: .failed, text: "the Secure Enclave's access control cannot be made",
                cause: reason)
        }
        return try SecureEnclave.P256.KeyAgreement.PrivateKey(accessControl: access)
    }

    private static func restored(
        _ kept: Data, _ name: String
    ) throws -> SecureEnclave.P256.KeyAgreement.PrivateKey {
        do {
            return try SecureEnclave.P256.KeyAgreement.PrivateKey(dataRepresentation: kept)
        } catch {
            throw OkoError(
                status: .noKey,
                text: "the Secure Enclave does not take the key \(name) any more "
                    + "(OkoEnclaveKey.delete(name:) makes room for another)",
                cause: error)
        }
    }
}
