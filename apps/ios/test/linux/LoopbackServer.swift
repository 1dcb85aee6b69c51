import Foundation
import Glibc

/// An http server on this machine, with the files under /v1 that a test gives it.
final class LoopbackServer: @unchecked Sendable {
    struct Answer {
        var content = Data()
        /// Of the content that is promised; nil: not promised.
        var length: Int?
        /// Where the file has moved to.
        var place: String?
    }

    let url: URL
    private let listener: Int32
    private let lock = NSLock()
    private var answers: [String: Answer] = [:]
    private var asked: [String] = []

    init() throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, size) == 0 && listen(descriptor, 8) == 0
                    && getsockname(descriptor, address, &size) == 0
            }
        }
        check(isListening, "the server listens")
        url = URL(string: "http://localhost:\(UInt16(bigEndian: address.sin_port))/v1")!
        Thread.detachNewThread { [self] in
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0 { break }
                serve(connection)
                close(connection)
            }
            close(listener)
        }
    }

    subscript(name: String) -> Answer? {
        get { lock.withLock { answers[name] } }
        set { lock.withLock { answers[name] = newValue } }
    }

    /// How often a file was asked for.
    func requests(for name: String) -> Int { lock.withLock { asked.filter { $0 == name }.count } }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func serve(_ connection: Int32) {
        var request = Data()
        while request.range(of: Data("\r\n\r\n".utf8)) == nil {
            var part = [UInt8](repeating: 0, count: 4096)
            let count = read(connection, &part, part.count)
            if count <= 0 { return }
            request.append(contentsOf: part[..<count])
        }
        let path = String(decoding: request, as: UTF8.self).split(separator: " ")[1]
        let name = String(path.dropFirst("/v1/".count))
        lock.withLock { asked.append(name) }
        var head = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"
        let answer = self[name]
        if let place = answer?.place {
            head = "HTTP/1.1 302 Found\r\nLocation: \(place)\r\nContent-Length: 0\r\n"
        } else if let answer {
            head = "HTTP/1.1 200 OK\r\n"
            if let length = answer.length { head += "Content-Length: \(length)\r\n" }
        }
        var rest = Data((head + "Connection: close\r\n\r\n").utf8) + (answer?.content ?? Data())
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }  // the client has given up
            rest = rest.dropFirst(count)
        }
    }
}
