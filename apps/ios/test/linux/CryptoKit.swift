// What the Swift package uses of Apple's CryptoKit, over OpenSSL. The Secure Enclave's keys are
// random ones in memory; what represents them is of no use in another run.
import Foundation
import OpenSSL
import Security

public struct SharedSecret: ContiguousBytes {
    fileprivate let bytes: [UInt8]

    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try bytes.withUnsafeBytes(body)
    }
}

public struct CryptoKitError: Error {}

public enum P256 {
    public enum KeyAgreement {
        public struct PublicKey: Sendable {
            public let x963Representation: Data

            public init(x963Representation bytes: some ContiguousBytes) throws {
                let data = bytes.withUnsafeBytes { Data($0) }
                guard data.count == 65, product(of: data, with: nil) != nil else {
                    throw CryptoKitError()
                }
                x963Representation = data
            }
        }
    }
}

public final class LAContext {}

public enum SecureEnclave {
    // For one thread: the tests'.
    nonisolated(unsafe) public static var isAvailable = true
    nonisolated(unsafe) fileprivate static var scalars: [Data: [UInt8]] = [:]

    public enum P256 {
        public enum KeyAgreement {
            public struct PrivateKey {
                public let dataRepresentation: Data
                public let publicKey: CryptoKit.P256.KeyAgreement.PublicKey

                public init(
                    compactRepresentable: Bool = true, accessControl: SecAccessControl,
                    authenticationContext: LAContext? = nil
                ) throws {
                    let wanted = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
                    guard accessControl.protection == wanted,
                        accessControl.flags == .privateKeyUsage
                    else { throw CryptoKitError() }
                    let handle = Data((0..<16).map { _ in UInt8.random(in: 0...255) })
                    scalars[handle] = (0..<32).map { _ in UInt8.random(in: 1...254) }
                    try self.init(dataRepresentation: handle)
                }

                public init(
                    dataRepresentation: Data, authenticationContext: LAContext? = nil
                ) throws {
                    guard let scalar = scalars[dataRepresentation],
                        let point = product(of: nil, with: scalar)
                    else { throw CryptoKitError() }
                    self.dataRepresentation = dataRepresentation
                    publicKey = try .init(x963Representation: point)
                }

                public func sharedSecretFromKeyAgreement(
                    with share: CryptoKit.P256.KeyAgreement.PublicKey
                ) throws -> SharedSecret {
                    let scalar = scalars[dataRepresentation]
                    guard let point = product(of: share.x963Representation, with: scalar) else {
                        throw CryptoKitError()
                    }
                    return SharedSecret(bytes: [UInt8](point[1..<33]))
                }
            }
        }
    }

    /// As after the phone was erased.
    public static func erase() { scalars = [:] }
}

/// An uncompressed point (nil: the curve's generator) times a scalar (nil: 1); nil if it is not on
/// the curve.
private func product(of point: Data?, with scalar: [UInt8]?) -> Data? {
    let group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)
    let sum = EC_POINT_new(group)
    let factor = BN_new()
    defer {
        BN_free(factor)
        EC_POINT_free(sum)
        EC_GROUP_free(group)
    }
    BN_set_word(factor, 1)
    if let scalar { BN_bin2bn(scalar, Int32(scalar.count), factor) }
    if let point {
        let bytes = [UInt8](point)
        guard EC_POINT_oct2point(group, sum, bytes, bytes.count, nil) == 1,
            EC_POINT_mul(group, sum, nil, sum, factor, nil) == 1
        else { return nil }
    } else if EC_POINT_mul(group, sum, factor, nil, nil, nil) != 1 {
        return nil
    }
    var bytes = [UInt8](repeating: 0, count: 65)
    let size = EC_POINT_point2oct(
        group, sum, POINT_CONVERSION_UNCOMPRESSED, &bytes, bytes.count, nil)
    return size == bytes.count ? Data(bytes) : nil
}
