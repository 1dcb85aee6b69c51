import Foundation

/// Who is told what a live camera finds.
final class LiveListeners: @unchecked Sendable {
    typealias Stream = AsyncThrowingStream<OkoLiveResult, any Error>

    private let lock = NSLock()
    private var handlers: [OkoLiveDetector.Handler] = []
    private var streams: [UUID: Stream.Continuation] = [:]
    private var isFinished = false

    func add(_ handler: @escaping OkoLiveDetector.Handler) {
        lock.withLock { handlers.append(handler) }
    }

    func stream() -> Stream {
        let (stream, continuation) = Stream.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = UUID()
        continuation.onTermination = { [weak self] _ in self?.remove(id) }
        let isTold = lock.withLock {
            if !isFinished { streams[id] = continuation }
            return !isFinished
        }
        if !isTold { continuation.finish() }
        return stream
    }

    func tell(_ result: Result<OkoLiveResult, any Error>) {
        let (handlers, streams) = lock.withLock { (self.handlers, Array(self.streams.values)) }
        for stream in streams {
            switch result {
            case .success(let result): stream.yield(result)
            case .failure(let error): stream.finish(throwing: error)
            }
        }
        for handler in handlers { handler(result) }
    }

    func finish() {
        let ended = lock.withLock {
            isFinished = true
            let ended = Array(streams.values)
            handlers = []
            streams = [:]
            return ended
        }
        for stream in ended { stream.finish() }
    }

    private func remove(_ id: UUID) { lock.withLock { streams[id] = nil } }
}
