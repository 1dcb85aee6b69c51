import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The server that models are fetched from. Only https is accepted, and http from this device
/// itself ("localhost"), for tests.
public struct OkoUpdateServer: Sendable {
    private let address: URL
    private let options: OkoUpdateOptions
    private let cache: URL

    /// `address` is where `oko seal publish` wrote to: "https://models.example.com/v1". `cache` is
    /// the folder for what is being fetched.
    public init(
        _ address: URL, options: OkoUpdateOptions,
        cache: URL = FileManager.default.temporaryDirectory
    ) {
        self.address = address
        self.options = options
        self.cache = cache
    }

    /// Checks the server's index and, if it has a newer release of the model, fetches and installs
    /// that. Returns the file of the model, for OkoModel(sealed:). The options' folder is created
    /// if there is none.
    ///
    /// Throws URLError if the server cannot be reached or does not deliver, CancellationError if
    /// the task is cancelled, and OkoError if what the server delivers is refused. Whatever is
    /// thrown, the model that was installed is still there.
    public func update(_ model: String) async throws -> URL {
        let files = FileManager.default
        try files.createDirectory(at: options.folder, withIntermediateDirectories: true)
        var index = Data()
        try await fetch(indexName, limit: longestIndex) { index.append($0) }
        let update = try OkoUpdate(index: index, options: options)
        let found = try update.find(model)
        if found.isNewer {
            let fetched = cache.appendingPathComponent("oko-update-" + UUID().uuidString)
            try Data().write(to: fetched, options: .withoutOverwriting)
            defer { try? files.removeItem(at: fetched) }
            let file = try FileHandle(forWritingTo: fetched)
            defer { try? file.close() }
            try await fetch(found.file, limit: found.size) { try file.write(contentsOf: $0) }
            try update.install(model, from: fetched)
        }
        return found.url
    }

    private func fetch(
        _ name: String, limit: UInt64, to write: (Data) throws -> Void
    ) async throws {
        let url = address.appendingPathComponent(name)
        try checkIsTrusted(url)
        let (parts, continuation) = AsyncThrowingStream<Data, any Error>.makeStream()
        let session = URLSession(
            configuration: .ephemeral,  // without a cache: an index is new
            delegate: Receiver(limit: limit, to: continuation), delegateQueue: nil)
        let task = session.dataTask(with: url)
        continuation.onTermination = { _ in task.cancel() }
        task.resume()
        for try await part in parts { try write(part) }
        try Task.checkCancellation()
    }
}

private let indexName = "models.oko.index"
private let longestIndex: UInt64 = 1 << 20  // bytes; a release takes about 200

private func checkIsTrusted(_ url: URL) throws {
    let isHere = ["localhost", "127.0.0.1", "::1"].contains(url.host ?? "")
    if url.scheme == "https" || url.scheme == "http" && isHere { return }
    let text = "\(url): neither https nor http from localhost"
    throw URLError(
        .appTransportSecurityRequiresSecureConnection,
        userInfo: [NSLocalizedDescriptionKey: text])
}

/// Hands on what a server sends, and gives up once that is too much.
private final class Receiver: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    private let limit: UInt64
    private let continuation: AsyncThrowingStream<Data, any Error>.Continuation
    private var received: UInt64 = 0  // is changed by the session's queue alone

    init(limit: UInt64, to continuation: AsyncThrowingStream<Data, any Error>.Continuation) {
        self.limit = limit
        self.continuation = continuation
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        do {
            try check(dataTask.response)
            received += UInt64(data.count)
            if received > limit {
                throw failure(
                    .dataLengthExceedsMaximum, dataTask.response, "has more than \(limit) bytes")
            }
            continuation.yield(data)
        } catch {
            continuation.finish(throwing: error)
            dataTask.cancel()
        }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?
    ) {
        do {
            if let error { throw error }
            try check(task.response)
            continuation.finish()
        } catch {
            continuation.finish(throwing: error)
        }
        session.finishTasksAndInvalidate()
    }

    /// The request may have been redirected.
    private func check(_ response: URLResponse?) throws {
        if let url = response?.url { try checkIsTrusted(url) }
        let status = (response as? HTTPURLResponse)?.statusCode ?? 0
        if status != 200 { throw failure(.badServerResponse, response, "HTTP \(status)") }
    }

    private func failure(
        _ code: URLError.Code, _ response: URLResponse?, _ what: String
    ) -> URLError {
        let place = response?.url?.absoluteString ?? "the server"
        return URLError(code, userInfo: [NSLocalizedDescriptionKey: "\(place): \(what)"])
    }
}
