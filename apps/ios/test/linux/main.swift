// Opens sealed models through the Swift package, and detects in pixel buffers: with keys, a
// keychain and buffers of the stand-ins beside this file. What else there is to test is in files of
// its own. The argument is the program oko_make_sealed.
import CoreVideo
import CryptoKit
import Foundation
import ImageIO
import OkoC
import Security

func check(_ right: Bool, _ what: String, file: String = #fileID, line: Int = #line) {
    if right { return }
    print("\(file):\(line): \(what)")
    exit(1)
}

struct Locked: Error {}

/// A key that cannot be used now.
struct LockedKey: OkoAgreementKey {
    let key: OkoEnclaveKey
    var publicKey: P256.KeyAgreement.PublicKey { key.publicKey }

    func sharedSecretFromKeyAgreement(with share: P256.KeyAgreement.PublicKey) throws
        -> SharedSecret
    {
        throw Locked()
    }
}

struct FullStore: OkoReleases {
    func release(of model: String) throws -> UInt64 { 0 }
    func store(_ release: UInt64, of model: String) throws { throw Locked() }
}

let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
defer { try? FileManager.default.removeItem(at: folder) }
func file(_ name: String) -> URL { folder.appendingPathComponent(name) }
func text(_ name: String) throws -> String { try String(contentsOf: file(name), encoding: .utf8) }

let key = try OkoEnclaveKey()
let maker = Process()
maker.executableURL = URL(fileURLWithPath: CommandLine.arguments[1])
maker.arguments = [folder.path, try key.recipient]
try maker.run()
maker.waitUntilExit()
check(maker.terminationStatus == 0, "the models are made")
let signer = try text("signer.pub")

func options(
    _ change: (inout OkoSealOptions) throws -> Void = { _ in }
) rethrows -> OkoSealOptions {
    var seal = OkoSealOptions(signer: signer, model: "cards")
    seal.appVersion = "2.4.1"
    seal.key = key
    try change(&seal)
    return seal
}

/// An image of 64 × 64.
let grey = (0..<(64 * 64)).map { UInt8($0 % 251) }

func boxes(_ model: OkoModel) throws -> [CGRect] {
    var frame = oko_frame()
    return try grey.withUnsafeBufferPointer { pixels in
        frame.format = Int32(OKO_GREY.rawValue)
        frame.width = 64
        frame.height = 64
        frame.planes.0 = pixels.baseAddress
        return try OkoDetector(model: model).detect(frame: frame, thresholds: .init(score: -1))
            .map(\.box)
    }
}

// A key of the Enclave, and one in software, open files and bytes.
let expected = try boxes(OkoModel(contentsOf: file("plain.oko")))
check(!expected.isEmpty, "boxes of the plain model")
let identity = try text("model.key")
let opened = [
    try OkoModel(sealed: file("8.oko.sealed"), seal: options()),
    try OkoModel(sealed: Data(contentsOf: file("8.oko.sealed")), seal: options()),
    try OkoModel(
        sealed: file("8.oko.sealed"),
        seal: options {
            $0.key = nil
            $0.identity = identity
        }),
]
for model in opened {
    check(model.classNames == ["cat", "dog"], "class names")
    check(try boxes(model) == expected, "the plain model's boxes")
}

func refusal(
    _ name: String = "8.oko.sealed", _ change: (inout OkoSealOptions) throws -> Void
) throws -> OkoError {
    do {
        _ = try OkoModel(sealed: file(name), seal: options(change))
    } catch let error as OkoError {
        return error
    }
    check(false, "it is opened")
    throw Locked()
}

// Each reason has its status.
let other = try OkoEnclaveKey(name: "other")
check(try refusal { $0.model = "coins" }.status == .otherModel, "another model")
check(try refusal { $0.appVersion = "2.3.9" }.status == .oldApp, "an old app")
let late = Date(timeIntervalSince1970: 4_102_444_801)
check(try refusal { $0.now = late }.status == .expired, "late")
check(try refusal { $0.signer = try text("other.pub") }.status == .badSignature, "the signature")
check(try refusal("plain.oko") { _ in }.status == .badModel, "a plain model")
check(try refusal { $0.key = nil }.status == .invalidArgument, "no key")
let foreign = try refusal { $0.key = other }
check(foreign.status == .noKey && foreign.cause == nil, "another key")

// What a key or a store throws is the cause.
let locked = try refusal { $0.key = LockedKey(key: key) }
check(locked.status == .noKey && locked.cause is Locked, "a locked key")
let unstored = try refusal { $0.releases = FullStore() }
check(unstored.status == .storage && unstored.cause is Locked, "a full store")

// Older releases are not opened, also after a new start of the app.
let releases = OkoKeychainReleases()
check(try releases.release(of: "cards") == 0, "nothing is stored yet")
for name in ["7.oko.sealed", "8.oko.sealed"] {
    _ = try OkoModel(sealed: file(name), seal: options { $0.releases = releases })
}
check(try OkoKeychainReleases().release(of: "cards") == 8, "8 is stored")
let old = try refusal("7.oko.sealed") { $0.releases = OkoKeychainReleases() }
check(old.status == .oldRelease && old.cause == nil, "an old release")
StandInKeychain.isLocked = true
let unread = try refusal { $0.releases = releases }
check(unread.status == .storage && unread.cause is OkoError, "a locked keychain")
StandInKeychain.isLocked = false
StandInKeychain.items["dev.oko.releases/cards"] = Data("eight".utf8)
check(try refusal { $0.releases = releases }.status == .storage, "a changed keychain")

// What is inside a sealed model of another format stays as long as somebody has its bytes.
/// Kilobytes of this process that are locked in memory.
func lockedMemory() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmLck:") }
    return Int(line?.split(whereSeparator: \.isWhitespace)[1] ?? "") ?? 0
}
let plain = try Data(contentsOf: file("plain.oko"))
var held: Data?
let lockedBefore = try lockedMemory()
do {
    let content = try OkoContent(sealed: file("content.oko.sealed"), seal: options())
    check(content.data == plain, "the file that was sealed")
    held = content.data.suffix(1000)
    let sealed = try Data(contentsOf: file("content.oko.sealed"))
    check(try OkoContent(sealed: sealed, seal: options()).data == plain, "the same of bytes")
}
check(held == plain.suffix(1000), "a part is held")
let lockedMeanwhile = try lockedMemory()
held = nil
if lockedMeanwhile > lockedBefore {  // the system allows it
    check(try lockedMemory() == lockedBefore, "and closed when it is released")
}
check(try refusal("content.oko.sealed") { _ in }.status == .badModel, "not a model of oko's own")
do {
    _ = try OkoContent(sealed: file("content.oko.sealed"), seal: options { $0.key = other })
    check(false, "another key opens it")
} catch let error as OkoError {
    check(error.status == .noKey, "\(error)")
}

// Buffers: grey as each packed format, in any orientation, and as NV12 of either range.
let detector = try OkoDetector(model: opened[0])
let everything = OkoThresholds(score: -1)

func boxes(
    _ format: OSType, _ bytes: [[UInt8]], bytesPerRow: Int, matrix: CFString? = nil,
    orientation: CGImagePropertyOrientation = .up
) throws -> [CGRect] {
    let memory = bytes.map { plane in
        let address = UnsafeMutableRawPointer.allocate(byteCount: plane.count, alignment: 16)
        address.copyMemory(from: plane, byteCount: plane.count)
        return address
    }
    defer { memory.forEach { $0.deallocate() } }
    let buffer = CVPixelBuffer(
        format: format, width: 64, height: 64,
        planes: memory.map { .init(address: $0, bytesPerRow: bytesPerRow) },
        attachments: matrix.map { [kCVImageBufferYCbCrMatrixKey: $0] } ?? [:])
    let found = try detector.detect(buffer, orientation: orientation, thresholds: everything)
    check(buffer.locks == 0, "the buffer is unlocked")
    return found.map(\.box)
}

/// Whether the best boxes are, within a pixel: YUV is rounded.
func isNear(_ a: [CGRect], _ b: [CGRect]) -> Bool {
    guard let a = a.first, let b = b.first else { return false }
    let edges = [a.minX - b.minX, a.minY - b.minY, a.maxX - b.maxX, a.maxY - b.maxY]
    return edges.allSatisfy { abs($0) < 1 }
}

let bgra = grey.flatMap { [UInt8]([$0, $0, $0, 255]) }
let upright = try boxes(kCVPixelFormatType_32BGRA, [bgra], bytesPerRow: 256)
check(upright == expected, "BGRA is seen as grey is")
let packed: [(OSType, Int)] = [
    (kCVPixelFormatType_32RGBA, 4), (kCVPixelFormatType_24RGB, 3), (kCVPixelFormatType_24BGR, 3),
    (kCVPixelFormatType_OneComponent8, 1),
]
for (format, step) in packed {
    let bytes = grey.flatMap { [UInt8](repeating: $0, count: step) }
    check(try boxes(format, [bytes], bytesPerRow: 64 * step) == expected, "\(format)")
}
let turned = try boxes(
    kCVPixelFormatType_32BGRA, [bgra], bytesPerRow: 256, orientation: .rightMirrored)
check(turned != expected, "the orientation counts")
let chroma = [UInt8](repeating: 128, count: 64 * 32)
let full = kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
let video = kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange
let inFullRange = try boxes(full, [grey, chroma], bytesPerRow: 64)
check(isNear(inFullRange, expected), "full range")
let narrow = grey.map { UInt8(16 + (Int($0) * 219 + 127) / 255) }
check(isNear(try boxes(video, [narrow, chroma], bytesPerRow: 64), expected), "video range")
check(try boxes(video, [grey, chroma], bytesPerRow: 64) != inFullRange, "the range counts")
let coloured = [UInt8](repeating: 90, count: 64 * 32)
let in601 = try boxes(full, [grey, coloured], bytesPerRow: 64)
let in709 = try boxes(
    full, [grey, coloured], bytesPerRow: 64, matrix: kCVImageBufferYCbCrMatrix_ITU_R_709_2)
check(in601 != in709, "the matrix counts")
let unknown: OSType = 0x3234_7667
do {
    _ = try boxes(unknown, [grey], bytesPerRow: 64)
    check(false, "an unknown format is accepted")
} catch let error as OkoError {
    check(error.status == .invalidArgument, "\(error)")
}

// The Enclave's key is made once, and only the Enclave that made it takes it.
check(try OkoEnclaveKey().recipient == key.recipient, "the same key")
check(try other.recipient != key.recipient, "keys have names")
try OkoEnclaveKey.delete(name: "other")
check(try OkoEnclaveKey(name: "other").recipient != other.recipient, "a new key")
SecureEnclave.erase()
do {
    _ = try OkoEnclaveKey()
    check(false, "a key of another Enclave is taken")
} catch let error as OkoError {
    check(error.status == .noKey && error.cause is CryptoKitError, "\(error)")
}
SecureEnclave.isAvailable = false
check((try? OkoEnclaveKey(name: "third")) == nil, "there is no Enclave")

try ModelTests(folder: folder).run()
try TrackerTests(model: opened[0]).run()
try await LiveTests(folder: folder).run()
try await UpdateTests(folder: folder, signer: signer, identity: identity).run()
print("all passed")
