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
        let version = Bundle.main.object(forInfoDictionaryKey: "CFBundleShortVersionString")
        appVersion = version as? String
    }
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

/// Where an app remembers the highest release of each model that it has opened: see
/// OkoKeychainReleases. What a method throws keeps the model from being opened.
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

/// What C calls back while a model is opened, in the thread that opens it. Nothing may be thrown
/// through C: the first error is kept for the caller instead.
private final class SealCalls {
    private let key: (any OkoAgreementKey)?
    private let store: (any OkoReleases)?
    private(set) var thrown: (any Error)?

    init(key: (any OkoAgreementKey)?, store: (any OkoReleases)?) {
        self.key = key
        self.store = store
    }

    /// Sets the callbacks, which must not be called when this object is gone.
    func connect(_ options: inout oko_seal_options) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        if key != nil {
            options.agree = { context, sender, secret in
                guard let sender, let secret else { return 0 }
                return calls(of: context)?.agree(sender, secret) ?? 0
            }
            options.agree_context = context
        }
        if store != nil {
            options.releases.get = { context, model, release in
                guard let model, let release else { return 0 }
                return calls(of: context)?.read(model, release) ?? 0
            }
            options.releases.set = { context, model, release in
                guard let model else { return 0 }
                return calls(of: context)?.write(model, release) ?? 0
            }
            options.releases.context = context
        }
    }

    fileprivate func agree(
        _ sender: UnsafePointer<UInt8>, _ secret: UnsafeMutablePointer<UInt8>
    ) -> Int32 {
        attempt(with: key) { key in
            let point = UnsafeRawBufferPointer(start: sender, count: Int(OKO_P256_POINT_SIZE))
            let share = try P256.KeyAgreement.PublicKey(x963Representation: point)
            try key.sharedSecretFromKeyAgreement(with: share).withUnsafeBytes { bytes in
                guard bytes.count == secretSize else {
                    let text = "the key agreed on \(bytes.count) bytes, not on \(secretSize)"
                    throw OkoError(status: .failed, text: text)
                }
                UnsafeMutableRawBufferPointer(start: secret, count: secretSize).copyMemory(
                    from: bytes)
            }
        }
    }

    fileprivate func read(
        _ model: UnsafePointer<CChar>, _ release: UnsafeMutablePointer<UInt64>
    ) -> Int32 {
        attempt(with: store) { release.pointee = try $0.release(of: String(cString: model)) }
    }

    fileprivate func write(_ model: UnsafePointer<CChar>, _ release: UInt64) -> Int32 {
        attempt(with: store) { try $0.store(release, of: String(cString: model)) }
    }

    /// 1 if nothing is thrown.
    private func attempt<Object>(with object: Object?, _ work: (Object) throws -> Void) -> Int32 {
        guard let object else { return 0 }
        do {
            try work(object)
            return 1
        } catch {
            if thrown == nil { thrown = error }
            return 0
        }
    }
}

private let secretSize = 32  // bytes

private func calls(of context: UnsafeMutableRawPointer?) -> SealCalls? {
    context.map { Unmanaged<SealCalls>.fromOpaque($0).takeUnretainedValue() }
}
