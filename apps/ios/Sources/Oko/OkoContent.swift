import Foundation
import OkoC

/// The file inside a sealed model of another format, docs/sealed-models.md, for the program that
/// reads it: a Core ML model for MLModelAsset(specification:), say. It is checked as OkoModel does;
/// what that program makes of it is not protected.
public struct OkoContent: Sendable {
    /// In locked memory, which is overwritten when nobody holds this data or a part of it any more.
    /// Changing it, or making an array of it, copies it to memory that is not.
    public let data: Data

    /// An OkoError's status says why one is refused; what `seal`'s own key or releases threw is its
    /// cause.
    public init(sealed url: URL, seal: OkoSealOptions) throws {
        try self.init(seal: seal) { seal, content in
            url.withUnsafeFileSystemRepresentation { path in
                oko_content_open_file(path, seal, content)
            }
        }
    }

    /// The same of the sealed model's bytes, which are not needed afterwards.
    public init(sealed data: Data, seal: OkoSealOptions) throws {
        try self.init(seal: seal) { seal, content in
            data.withUnsafeBytes { bytes in
                oko_content_open(bytes.baseAddress, bytes.count, seal, content)
            }
        }
    }

    private init(
        seal: OkoSealOptions,
        open: (UnsafePointer<oko_seal_options>, UnsafeMutablePointer<OpaquePointer?>) -> oko_status
    ) throws {
        var opened: OpaquePointer?
        try seal.withC { open($0, &opened) }
        var size = 0
        guard let content = opened, let bytes = oko_content_bytes(content, &size) else {
            throw OkoError(status: .failed, text: "the engine returned no content")
        }
        data = Data(
            bytesNoCopy: UnsafeMutableRawPointer(mutating: bytes), count: size,
            deallocator: .custom { _, _ in oko_content_close(content) })
    }
}
