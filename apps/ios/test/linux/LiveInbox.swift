import Foundation

/// Receives what a live detector finds, and can keep its thread waiting meanwhile.
final class LiveInbox: @unchecked Sendable {
    private let changed = NSCondition()
    private var results: [Result<OkoLiveResult, any Error>] = []
    private var isHeld = false

    func receive(_ result: Result<OkoLiveResult, any Error>) {
        changed.lock()
        results.append(result)
        changed.broadcast()
        while isHeld { changed.wait() }
        changed.unlock()
    }

    /// The next result; fails if there is none for long.
    func next(line: Int = #line) throws -> OkoLiveResult {
        changed.lock()
        defer { changed.unlock() }
        let end = Date(timeIntervalSinceNow: 20)
        while results.isEmpty {
            check(changed.wait(until: end), "a result comes", file: "LiveTests", line: line)
        }
        return try results.removeFirst().get()
    }

    var isEmpty: Bool {
        changed.lock()
        defer { changed.unlock() }
        return results.isEmpty
    }

    /// Whoever delivers the next result stays in receive() until release().
    func hold() {
        changed.lock()
        isHeld = true
        changed.unlock()
    }

    func release() {
        changed.lock()
        isHeld = false
        changed.broadcast()
        changed.unlock()
    }
}

/// Waits until something is so that another thread does.
func eventually(_ what: String, line: Int = #line, _ condition: () -> Bool) {
    let end = Date(timeIntervalSinceNow: 20)
    while !condition() {
        check(Date() < end, what, file: "LiveTests", line: line)
        Thread.sleep(forTimeInterval: 0.001)
    }
}
