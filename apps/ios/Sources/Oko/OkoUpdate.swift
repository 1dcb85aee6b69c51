import Foundation
import OkoC

/// What an app demands of an index of updates, docs/updates.md.
public struct OkoUpdateOptions: Sendable {
    /// The public root key that the app trusts: "RW…".
    public var root: String
    /// An existing folder of the app's own, for what is installed and for the last index that was
    /// accepted.
    public var folder: URL
    /// The public key that models must be signed with, as in OkoSealOptions; nil: whoever signs the
    /// index could replace a model by one that the app cannot open.
    public var signer: String?
    /// Of this app, one to four numbers with dots: releases that need a newer one are not offered;
    /// nil is not compared.
    public var appVersion: String?
    /// Remembers the last index where clearing the folder does not make the app forget it: give the
    /// one that models are opened with.
    public var releases: (any OkoReleases)?
    /// nil: the phone's own clock, which its user can set.
    public var now: Date?

    /// The version is CFBundleShortVersionString of the app's bundle.
    public init(root: String, folder: URL, signer: String? = nil) {
        self.root = root
        self.folder = folder
        self.signer = signer
        appVersion = bundleVersion()
    }
}

/// What an index has for this app of one model.
public struct OkoUpdateModel: Sendable, Equatable {
    public let release: UInt64
    /// The release of the file at `url`, 0 if there is none.
    public let installed: UInt64
    /// Of the file, in bytes.
    public let size: UInt64
    /// Its name, beside the index.
    public let file: String
    /// Where it is, or will be.
    public let url: URL

    /// Whether it is worth fetching.
    public var isNewer: Bool { release > installed }
}

/// An index of updates that was checked. OkoUpdateServer does all of it, from fetching the index
/// on; use this class where the app fetches in its own way. Any number of threads may use it.
public final class OkoUpdate: @unchecked Sendable {
    private let handle: OpaquePointer

    /// Checks an index, the content of models.oko.index. An OkoError's status says why one is
    /// refused, and the app goes on with the model it has; what the options' own releases threw is
    /// its cause. One that is accepted is kept in the folder, and older ones are refused from then
    /// on.
    public init(index: Data, options: OkoUpdateOptions) throws {
        var checked: OpaquePointer?
        try options.withC { options in
            index.withUnsafeBytes { bytes in
                oko_update_check(bytes.baseAddress, bytes.count, options, &checked)
            }
        }
        guard let update = checked else {
            throw OkoError(status: .failed, text: "the engine returned no update")
        }
        handle = update
    }

    deinit { oko_update_close(handle) }

    /// An OkoError's status is .otherModel if the index has no such model, .oldApp if all its
    /// releases need a newer app.
    public func find(_ model: String) throws -> OkoUpdateModel {
        var info = oko_update_model()
        info.struct_size = MemoryLayout<oko_update_model>.size
        try OkoError.check(oko_update_find(handle, model, &info))
        return OkoUpdateModel(
            release: info.release, installed: info.installed, size: info.size,
            file: String(cString: info.file),
            url: URL(fileURLWithPath: String(cString: info.path), isDirectory: false))
    }

    /// Copies the file `fetched`, which is not needed afterwards, to the model's place: whole or
    /// not at all, and only if it is exactly what the index describes, .badModel otherwise.
    public func install(_ model: String, from fetched: URL) throws {
        try OkoError.check(
            fetched.withUnsafeFileSystemRepresentation { oko_update_install(handle, model, $0) })
    }
}

extension OkoUpdateOptions {
    /// The options in C, for as long as `body` runs; the first error that the store threw meanwhile
    /// becomes the cause of the one that is thrown.
    fileprivate func withC(_ body: (UnsafePointer<oko_update_options>) -> oko_status) throws {
        let calls = SealCalls(key: nil, store: releases)
        let status = withExtendedLifetime(calls) {
            root.withCString { root in
                folder.withUnsafeFileSystemRepresentation { folder in
                    withOptionalCString(appVersion) { version in
                        withOptionalCString(signer) { signer in
                            var options = oko_update_options()
                            options.struct_size = MemoryLayout<oko_update_options>.size
                            options.root = root
                            options.folder = folder
                            options.signer = signer
                            options.app_version = version
                            options.now = now.map { Int64($0.timeIntervalSince1970) } ?? 0
                            calls.connect(&options.releases)
                            return body(&options)
                        }
                    }
                }
            }
        }
        try OkoError.check(status, cause: calls.thrown)
    }
}
