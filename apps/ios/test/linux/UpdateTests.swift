import Foundation
import FoundationNetworking

/// Updates with the indexes that oko_make_sealed wrote to the folder: by hand, and from a server.
struct UpdateTests {
    let folder: URL
    let signer: String
    /// Opens release 8.
    let identity: String

    func run() async throws {
        try aNewerModelIsFoundInstalledAndOpened()
        try whatIsNotTheIndexsIsRefused()
        try whatTheStoreThrowsIsTheCause()
        try await aServersModelsAreFetchedOnce()
        try await whateverAServerSendsTheModelStays()
        try await onlyHttpsIsTrustedBeyondThisDevice()
    }

    /// Folders as after the app was installed.
    private struct App {
        let cache: URL
        let installed: URL
        var options: OkoUpdateOptions

        func has(_ release: Int, of tests: UpdateTests) throws -> Bool {
            try Data(contentsOf: installed) == tests.file(release)
        }
        func isCacheEmpty() throws -> Bool {
            try FileManager.default.contentsOfDirectory(atPath: cache.path).isEmpty
        }
    }

    private func makeApp() throws -> App {
        let own = folder.appendingPathComponent(UUID().uuidString)
        let models = own.appendingPathComponent("models")
        let cache = own.appendingPathComponent("cache")
        for folder in [models, cache] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        var options = OkoUpdateOptions(
            root: try text("root.pub"), folder: models, signer: signer)
        options.appVersion = "2.4.1"
        options.releases = OkoKeychainReleases(service: own.lastPathComponent)
        return App(
            cache: cache, installed: models.appendingPathComponent("cards.oko.sealed"),
            options: options)
    }

    private func url(_ name: String) -> URL { folder.appendingPathComponent(name) }
    private func text(_ name: String) throws -> String {
        try String(contentsOf: url(name), encoding: .utf8)
    }
    private func file(_ release: Int) throws -> Data {
        try Data(contentsOf: url("\(release).oko.sealed"))
    }
    private func index(_ release: Int) throws -> Data {
        try Data(contentsOf: url("\(release).oko.index"))
    }
    private func damaged() throws -> Data {
        var bytes = try file(8)
        bytes[bytes.count - 2000] ^= 1
        return bytes
    }

    private func refusal(_ what: () throws -> Void, line: Int = #line) -> OkoError.Status? {
        do {
            try what()
        } catch let error as OkoError {
            return error.status
        } catch {
            check(false, "\(error)", line: line)
        }
        return nil
    }

    private func aNewerModelIsFoundInstalledAndOpened() throws {
        let app = try makeApp()
        let update = try OkoUpdate(index: index(7), options: app.options)
        let found = try update.find("cards")
        let expected = OkoUpdateModel(
            release: 7, installed: 0, size: UInt64(try file(7).count), file: "cards-7.oko.sealed",
            url: app.installed)
        check(found == expected && found.isNewer, "\(found)")
        try update.install("cards", from: url("7.oko.sealed"))
        check(try update.find("cards").installed == 7, "7 is installed")
        check(try !update.find("cards").isNewer, "and not newer")
        let next = try OkoUpdate(index: index(8), options: app.options)
        check(try next.find("cards").isNewer, "8 is newer than 7")
        try next.install("cards", from: url("8.oko.sealed"))
        var seal = OkoSealOptions(signer: signer, model: "cards")
        seal.identity = identity
        let model = try OkoModel(sealed: app.installed, seal: seal)
        check(model.classNames == ["cat", "dog"], "8 is opened")
    }

    private func whatIsNotTheIndexsIsRefused() throws {
        let app = try makeApp()
        func status(
            of index: Data, _ change: (inout OkoUpdateOptions) throws -> Void = { _ in }
        ) throws -> OkoError.Status? {
            var options = app.options
            try change(&options)
            return refusal { _ = try OkoUpdate(index: index, options: options) }
        }
        let newest = try index(8)
        let other = try status(of: newest) { $0.root = try text("other.pub") }
        check(other == .badSignature, "another root")
        let late = Date(timeIntervalSince1970: 4_102_444_801)
        check(try status(of: newest) { $0.now = late } == .expired, "late")
        check(try status(of: newest.prefix(700)) == .badModel, "a part of an index")
        check(try status(of: Data()) == .badModel, "nothing")
        check(try status(of: newest) { $0.root = "RW" } == .invalidArgument, "not a key")

        let update = try OkoUpdate(index: newest, options: app.options)
        let changed = url("changed")
        try damaged().write(to: changed)
        check(refusal { try update.install("cards", from: changed) } == .badModel, "damaged")
        let old = url("7.oko.sealed")
        check(refusal { try update.install("cards", from: old) } == .badModel, "an old model")
        check(refusal { _ = try update.find("coins") } == .otherModel, "another model")
        check(!FileManager.default.fileExists(atPath: app.installed.path), "nothing is installed")

        let before = try index(7)
        check(try status(of: before) == .oldRelease, "an old index")
        let withoutStore = try status(of: before) { $0.releases = nil }
        check(withoutStore == .oldRelease, "the folder remembers it")
        try FileManager.default.removeItem(
            at: app.options.folder.appendingPathComponent("models.oko.index"))
        check(try status(of: before) == .oldRelease, "the store remembers it")
        var tooOld = app.options
        tooOld.appVersion = "2.3.9"
        let ours = try OkoUpdate(index: newest, options: tooOld)
        check(refusal { _ = try ours.find("cards") } == .oldApp, "an old app")
    }

    private func whatTheStoreThrowsIsTheCause() throws {
        var options = try makeApp().options
        options.releases = FullStore()
        do {
            _ = try OkoUpdate(index: index(8), options: options)
            check(false, "it is accepted")
        } catch let error as OkoError {
            check(error.status == .storage && error.cause is Locked, "\(error)")
        }
    }

    private func publish(_ release: Int, _ server: LoopbackServer) throws {
        let (index, file) = (try index(release), try file(release))
        server["models.oko.index"] = .init(content: index, length: index.count)
        server["cards-\(release).oko.sealed"] = .init(content: file, length: file.count)
    }

    private func aServersModelsAreFetchedOnce() async throws {
        let server = try LoopbackServer()
        defer { server.stop() }
        let app = try makeApp()
        try FileManager.default.removeItem(at: app.options.folder)
        let updates = OkoUpdateServer(server.url, options: app.options, cache: app.cache)
        try publish(7, server)
        let installed = try await updates.update("cards")
        check(installed == app.installed, "where the model is")
        check(try app.has(7, of: self), "7 is there")
        _ = try await updates.update("cards")
        check(server.requests(for: "cards-7.oko.sealed") == 1, "it is fetched once")
        try publish(8, server)
        server["cards-8.oko.sealed"]?.length = nil  // as of servers that do not know it
        _ = try await updates.update("cards")
        check(try app.has(8, of: self) && app.isCacheEmpty(), "8 is there, and no other file")
    }

    private func whateverAServerSendsTheModelStays() async throws {
        let server = try LoopbackServer()
        let app = try makeApp()
        let updates = OkoUpdateServer(server.url, options: app.options, cache: app.cache)
        func failure(line: Int = #line) async -> any Error {
            do {
                _ = try await updates.update("cards")
            } catch {
                return error
            }
            check(false, "no error", line: line)
            return Locked()
        }
        func code(line: Int = #line) async -> URLError.Code? {
            (await failure(line: line) as? URLError)?.code
        }
        try publish(7, server)
        _ = try await updates.update("cards")

        try publish(8, server)
        let name = "cards-8.oko.sealed"
        let right = try file(8)
        server[name]?.content = try damaged()
        check((await failure() as? OkoError)?.status == .badModel, "damaged")
        server[name] = .init(content: right + [0])
        check(await code() == .dataLengthExceedsMaximum, "a byte too much")
        server[name] = .init(content: right.dropLast())
        check((await failure() as? OkoError)?.status == .badModel, "a byte too few")
        server[name] = .init(content: right.dropLast(), length: right.count)
        check(await failure() is URLError, "less than it promised")
        server[name] = nil
        check(await code() == .badServerResponse, "nothing")
        // It is this device too, but not one of the names that are accepted.
        server["moved"] = .init(content: right, length: right.count)
        let here = server.url.absoluteString + "/moved"
        let away = here.replacingOccurrences(of: "localhost", with: "LOCALHOST")
        server[name] = .init(place: away)
        check(await code() == .appTransportSecurityRequiresSecureConnection, "elsewhere")
        check(try app.has(7, of: self) && app.isCacheEmpty(), "7 is there, and no other file")

        try publish(7, server)
        check((await failure() as? OkoError)?.status == .oldRelease, "an old index")
        server["models.oko.index"] = .init(content: Data(count: (1 << 20) + 1))
        check(await code() == .dataLengthExceedsMaximum, "an endless index")
        try publish(8, server)
        let cancelled = Task { try await updates.update("cards") }
        cancelled.cancel()
        let result = await cancelled.result
        check((try? result.get()) == nil, "cancelled")
        check(try app.has(7, of: self) && app.isCacheEmpty(), "7 is there, and no other file")
        server[name] = .init(place: here)
        _ = try await updates.update("cards")
        check(try app.has(8, of: self), "8 is there, from where it moved to")
        server.stop()
        check(await failure() is URLError, "no server")
    }

    private func onlyHttpsIsTrustedBeyondThisDevice() async throws {
        let app = try makeApp()
        let others = ["http://models.example.com/v1", "http://localhost@example.com/", "file:/x"]
        for address in others {
            let updates = OkoUpdateServer(
                URL(string: address)!, options: app.options, cache: app.cache)
            do {
                _ = try await updates.update("cards")
                check(false, "\(address) is trusted")
            } catch let error as URLError {
                check(error.code == .appTransportSecurityRequiresSecureConnection, "\(error)")
            }
        }
    }
}
