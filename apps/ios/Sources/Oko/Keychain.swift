import Foundation
import Security

/// Small values of one service in the keychain: readable after the phone was first unlocked, on
/// this device only, in no backup of another one.
struct Keychain: Sendable {
    let service: String

    /// nil if there is none.
    func read(_ account: String) throws -> Data? {
        var query = item(account)
        query[kSecReturnData] = true
        query[kSecMatchLimit] = kSecMatchLimitOne
        var found: CFTypeRef?
        let status = SecItemCopyMatching(query as CFDictionary, &found)
        if status == errSecItemNotFound { return nil }
        try check(status, "read", account)
        return found as? Data
    }

    /// False if there is one already, which stays as it is.
    func add(_ value: Data, _ account: String) throws -> Bool {
        var attributes = item(account)
        attributes[kSecValueData] = value
        attributes[kSecAttrAccessible] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
        let status = SecItemAdd(attributes as CFDictionary, nil)
        if status == errSecDuplicateItem { return false }
        try check(status, "stored", account)
        return true
    }

    func set(_ value: Data, _ account: String) throws {
        if try add(value, account) { return }
        let change = [kSecValueData: value] as CFDictionary
        try check(SecItemUpdate(item(account) as CFDictionary, change), "replaced", account)
    }

    func delete(_ account: String) throws {
        let status = SecItemDelete(item(account) as CFDictionary)
        if status != errSecItemNotFound { try check(status, "deleted", account) }
    }

    private func item(_ account: String) -> [CFString: Any] {
        [
            kSecClass: kSecClassGenericPassword,
            kSecAttrService: service,
            kSecAttrAccount: account,
        ]
    }

    private func check(_ status: OSStatus, _ done: String, _ account: String) throws {
        if status == errSecSuccess { return }
        let reason = SecCopyErrorMessageString(status, nil) as String? ?? "OSStatus \(status)"
        let place = "keychain: \(service), \(account)"
        throw OkoError(status: .storage, text: "\(place): cannot be \(done): \(reason)")
    }
}
