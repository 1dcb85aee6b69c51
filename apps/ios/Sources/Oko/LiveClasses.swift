import Foundation

/// Names of the classes of a live camera's models. Its results say which by the number of swaps and
/// reverts before; these have one caller at a time.
final class LiveClasses: @unchecked Sendable {
    private let lock = NSLock()
    private var names: [Int: [String]]
    private var swaps = 0
    private var current: [String]
    private var previous: [String] = []

    init(_ first: [String]) {
        current = first
        names = [0: first]
    }

    /// Of a frame that is looked at. Older ones are not looked at after it.
    func names(after swaps: Int) -> [String] {
        lock.withLock {
            for old in names.keys where old < swaps { names[old] = nil }
            return names[swaps] ?? []
        }
    }

    func swap(to next: [String], _ swap: () throws -> Void) rethrows {
        try change(to: next, swap)
        previous = current
        current = next
    }

    func revert(_ revert: () throws -> Void) rethrows {
        try change(to: previous, revert)
        current = previous
    }

    /// A frame may be looked at with the other models before `call` returns.
    private func change(to next: [String], _ call: () throws -> Void) rethrows {
        lock.withLock { names[swaps + 1] = next }
        do {
            try call()
        } catch {
            lock.withLock { names[swaps + 1] = nil }
            throw error
        }
        swaps += 1
    }
}

extension [String] {
    /// Of these names of classes. An object that is still followed may be of a class that models
    /// swapped in lack: those whose classes have no names all look alike.
    func label(of classId: Int32) -> String {
        indices.contains(Int(classId)) ? self[Int(classId)] : "class \(classId)"
    }
}
