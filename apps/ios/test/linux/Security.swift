// What the Swift package uses of Apple's Security: a keychain in memory. Core Foundation's types
// are Swift's own, which makes the bridging casts no casts.
import Foundation

public typealias CFString = String
public typealias CFDictionary = [CFString: Any]
public typealias CFTypeRef = Any
public final class CFAllocator {}
public final class CFError: Error {}
public typealias OSStatus = Int32

public let kSecClass: CFString = "class"
public let kSecClassGenericPassword: CFString = "genp"
public let kSecAttrService: CFString = "svce"
public let kSecAttrAccount: CFString = "acct"
public let kSecAttrAccessible: CFString = "pdmn"
public let kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly: CFString = "cku"
public let kSecReturnData: CFString = "r_Data"
public let kSecMatchLimit: CFString = "m_Limit"
public let kSecMatchLimitOne: CFString = "m_LimitOne"
public let kSecValueData: CFString = "v_Data"

public let errSecSuccess: OSStatus = 0
public let errSecInteractionNotAllowed: OSStatus = -25308
public let errSecDuplicateItem: OSStatus = -25299
public let errSecItemNotFound: OSStatus = -25300
public let errSecParam: OSStatus = -50

/// For one thread: the tests'.
public enum StandInKeychain {
    nonisolated(unsafe) public static var items: [String: Data] = [:]
    nonisolated(unsafe) public static var isLocked = false
}

private func item(_ query: CFDictionary) -> String? {
    guard query[kSecClass] as? String == kSecClassGenericPassword,
        let service = query[kSecAttrService] as? String,
        let account = query[kSecAttrAccount] as? String
    else { return nil }
    return "\(service)/\(account)"
}

/// Does what `work` says with the item, if it may and there is one, or none, as it expects.
private func with(
    _ query: CFDictionary, isThere: Bool, _ work: (String) -> OSStatus
) -> OSStatus {
    if StandInKeychain.isLocked { return errSecInteractionNotAllowed }
    guard let item = item(query) else { return errSecParam }
    if isThere == (StandInKeychain.items[item] != nil) { return work(item) }
    return isThere ? errSecItemNotFound : errSecDuplicateItem
}

public func SecItemCopyMatching(
    _ query: CFDictionary, _ result: UnsafeMutablePointer<CFTypeRef?>?
) -> OSStatus {
    with(query, isThere: true) {
        guard query[kSecReturnData] as? Bool == true else { return errSecParam }
        result?.pointee = StandInKeychain.items[$0]
        return errSecSuccess
    }
}

public func SecItemAdd(
    _ attributes: CFDictionary, _ result: UnsafeMutablePointer<CFTypeRef?>?
) -> OSStatus {
    with(attributes, isThere: false) {
        let accessible = attributes[kSecAttrAccessible] as? String
        guard accessible == kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
            let value = attributes[kSecValueData] as? Data
        else { return errSecParam }
        StandInKeychain.items[$0] = value
        return errSecSuccess
    }
}

public func SecItemUpdate(_ query: CFDictionary, _ change: CFDictionary) -> OSStatus {
    with(query, isThere: true) {
        guard let value = change[kSecValueData] as? Data else { return errSecParam }
        StandInKeychain.items[$0] = value
        return errSecSuccess
    }
}

public func SecItemDelete(_ query: CFDictionary) -> OSStatus {
    with(query, isThere: true) {
        StandInKeychain.items[$0] = nil
        return errSecSuccess
    }
}

public func SecCopyErrorMessageString(
    _ status: OSStatus, _ reserved: UnsafeMutableRawPointer?
) -> CFString? {
    "error \(status)"
}

public struct SecAccessControlCreateFlags: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let privateKeyUsage = SecAccessControlCreateFlags(rawValue: 1 << 30)
}

public final class SecAccessControl {
    public let protection: String
    public let flags: SecAccessControlCreateFlags

    fileprivate init(_ protection: String, _ flags: SecAccessControlCreateFlags) {
        self.protection = protection
        self.flags = flags
    }
}

public func SecAccessControlCreateWithFlags(
    _ allocator: Any?, _ protection: CFTypeRef, _ flags: SecAccessControlCreateFlags,
    _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> SecAccessControl? {
    (protection as? String).map { SecAccessControl($0, flags) }
}
