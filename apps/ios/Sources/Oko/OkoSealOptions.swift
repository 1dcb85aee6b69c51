import CryptoKit
import Foundation
import OkoC

/// What an app demands of a sealed model, docs/sealed-models.md, and how it opens it: `identity`,
/// `key`, or both.
public struct OkoSealOptions: Sendable {
    /// The public key that the model must be signed with: "RW…".
    public var signer: String
    /// The model's id; nil: any that is signed.
    public var model: String?
    /// Of this app, one to four numbers with dots; nil is not compared.
    public var appVersion: String?
    /// A secret key in software: "AGE-SECRET-KEY-1…".
    public var identity: String?
    /// A key that cannot be read, such as OkoEnclaveKey.
    public var key: (any OkoAgreementKey)?
    /// Keeps older releases from being opened; nil: they are opened too.
    public var releases: (any OkoReleases)?
    /// nil: the phone's own clock, which its user can set.
    public var now: Date?

    /// The version is CFBundleShortVersionString of the app's bundle.
    public init(signer: String, model: String? = nil) {
        self.signer = signer
        self.model = model
        appVersion = bundleVersion()
    }
}

func bundleVersion() -> String? {
    Bundle.main.object(forInfoDictionaryKey: "CFBundleShortVersionString") as? String
}

/// A P-256 key that opens sealed models without leaving where it is: see OkoEnclaveKey. CryptoKit's
/// own keys have these two members.
public protocol OkoAgreementKey: Sendable {
    var publicKey: P256.KeyAgreement.PublicKey { get }
    func sharedSecretFromKeyAgreement(with share: P256.KeyAgreement.PublicKey) throws
        -> SharedSecret
}

extension OkoAgreementKey {
    /// For whom to seal a model that this key opens: "age1tag1…", for oko seal --to.
    public var recipient: String {
        get throws {
            var text = [CChar](repeating: 0, count: Int(OKO_P256_RECIPIENT_SIZE))
            let status = publicKey.x963Representation.withUnsafeBytes { point in
                oko_p256_recipient(
                    point.bindMemory(to: UInt8.self).baseAddress, &text, text.count)
            }
            try OkoError.check(status)
            return text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        }
    }
}

/// Where an app remembers the highest release of each model that it has opened, and the last index
/// of updates, as "@root." and "@index." with a key's id: see OkoKeychainReleases. What a method throws keeps the
/// model from being opened, and the index from being accepted.
public protocol OkoReleases: Sendable {
    /// 0 if there is none.
    func release(of model: String) throws -> UInt64
    /// Returns once it is stored. Called by one thread at a time.
    func store(_ release: UInt64, of model: String) throws
}

extension OkoSealOptions {
    /// The options in C, for as long as `body` runs; the first error that the key or the store
    /// threw meanwhile becomes the cause of the one that is thrown.
    func withC(_ body: (UnsafePointer<oko_seal_options>) -> oko_status) throws {
        let calls = SealCalls(key: key, store: releases)
        let status = withExtendedLifetime(calls) {
            withTexts { texts in
                var options = texts
                options.struct_size = MemoryLayout<oko_seal_options>.size
                options.now = now.map { Int64($0.timeIntervalSince1970) } ?? 0
                calls.connect(&options)
                guard let key else { return body(&options) }
                return key.publicKey.x963Representation.withUnsafeBytes { point in
                    options.p256_point = point.bindMemory(to: UInt8.self).baseAddress
                    return body(&options)
                }
            }
        }
        try OkoError.check(status, cause: calls.thrown)
    }

    private func withTexts(_ body: (oko_seal_options) -> oko_status) -> oko_status {
        signer.withCString { signer in
            withOptionalCString(model) { model in
                withOptionalCString(appVersion) { version in
                    withOptionalCString(identity) { identity in
                        var options = oko_seal_options()
                        options.signer = signer
                        options.model = model
                        options.app_version = version
                        options.identity = identity
                        return body(options)
                    }
                }
            }
        }
    }
}
