import CryptoKit
import OkoC

/// What C calls back while a model is opened or an index of updates is checked, in the thread that
/// does so. Nothing may be thrown through C: the first error is kept for the caller instead.
final class SealCalls {
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
        connect(&options.releases)
    }

    func connect(_ releases: inout oko_releases) {
        if store == nil { return }
        releases.get = { context, model, release in
            guard let model, let release else { return 0 }
            return calls(of: context)?.read(model, release) ?? 0
        }
        releases.set = { context, model, release in
            guard let model else { return 0 }
            return calls(of: context)?.write(model, release) ?? 0
        }
        releases.context = Unmanaged.passUnretained(self).toOpaque()
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
