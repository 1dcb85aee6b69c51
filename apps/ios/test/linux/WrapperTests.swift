// Runs the Core ML wrappers that write_swift wrote over stand-ins for Core ML and Core Video: what
// they show the network, and the boxes they make of its outputs, beside oko's own. The argument is
// the folder of the cases.
import CoreML
import CoreVideo
import Foundation
import ImageIO

struct Found {
    let kind: Int
    let score: Float
    let box: CGRect
}

struct WrapperCase: Sendable {
    typealias Detect = (CVPixelBuffer, CGImagePropertyOrientation) throws -> [Found]
    let name: String
    let heads: [(String, [Int])]
    let bgr: Bool
    let open: @Sendable (MLModel) throws -> Detect

    init(
        _ name: String, _ heads: [(String, [Int])], bgr: Bool,
        open: @escaping @Sendable (MLModel) throws -> Detect
    ) {
        self.name = name
        self.heads = heads
        self.bgr = bgr
        self.open = open
    }
}

func check(_ right: Bool, _ what: @autoclosure () -> String, line: Int = #line) {
    if right { return }
    print("WrapperTests.swift:\(line): \(what())")
    exit(1)
}

func floats(_ url: URL) throws -> [Float] {
    try Data(contentsOf: url).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
}

let (width, height) = (150, 91)

/// The same bytes in a format, with rows that are longer than their pixels.
func buffer(_ bytes: [UInt8], _ view: String) -> CVPixelBuffer {
    func plane(_ from: Int, _ row: Int, _ rows: Int) -> CVBuffer.Plane {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: (row + 10) * rows, alignment: 16)
        for y in 0..<rows {
            (memory + y * (row + 10)).copyMemory(
                from: Array(bytes[(from + y * row)..<(from + (y + 1) * row)]), byteCount: row)
        }
        return .init(address: memory, bytesPerRow: row + 10)
    }
    let packed = [
        "bgra": kCVPixelFormatType_32BGRA, "rgba": kCVPixelFormatType_32RGBA,
    ]
    if let format = packed[view] {
        return CVPixelBuffer(
            format: format, width: width, height: height, planes: [plane(0, 4 * width, height)])
    }
    let matrices = [
        "709": kCVImageBufferYCbCrMatrix_ITU_R_709_2, "2020": kCVImageBufferYCbCrMatrix_ITU_R_2020,
    ]
    let matrix = matrices.first { view.hasSuffix($0.key) }
    let isFull = view.hasPrefix("full")
    return CVPixelBuffer(
        format: isFull
            ? kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
            : kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange,
        width: width, height: height,
        planes: [
            plane(0, width, height),
            plane(width * height, (width + 1) / 2 * 2, (height + 1) / 2),
        ],
        attachments: matrix.map { [kCVImageBufferYCbCrMatrixKey: $0.value] } ?? [:])
}

/// The largest difference of what the network was shown, of 255.
func inputDifference(_ image: CVPixelBuffer, _ expected: [Float], bgr: Bool) -> Float {
    CVPixelBufferLockBaseAddress(image, .readOnly)
    defer { CVPixelBufferUnlockBaseAddress(image, .readOnly) }
    let bytes = CVPixelBufferGetBaseAddress(image)!.assumingMemoryBound(to: UInt8.self)
    let row = CVPixelBufferGetBytesPerRow(image)
    let (w, h) = (CVPixelBufferGetWidth(image), CVPixelBufferGetHeight(image))
    var most: Float = 0
    for channel in 0..<3 {
        for y in 0..<h {
            for x in 0..<w {
                // Values beyond what a byte holds are clamped here, and in oko are not.
                let want = min(max(expected[(channel * h + y) * w + x] * 255, 0), 255)
                let is_ = Float(bytes[y * row + 4 * x + (bgr ? channel : 2 - channel)])
                most = max(most, abs(want - is_))
            }
        }
    }
    return most
}

func checkBoxes(_ found: [Found], _ text: String, _ name: String) {
    let lines = text.split(separator: "\n")
    check(!lines.isEmpty && found.count == lines.count, "\(name): \(found.count) boxes, not \(lines.count)")
    for (d, line) in zip(found, lines) {
        let values = line.split(separator: " ").map { Double($0)! }
        let is_ = [d.box.minX, d.box.minY, d.box.maxX, d.box.maxY].map { Double($0) }
        let edges = zip(is_, values[2...]).map { abs($0 - $1) }
        check(
            d.kind == Int(values[0]) && abs(Double(d.score) - values[1]) < 1e-5
                && edges.allSatisfy { $0 < 1e-3 }, "\(name): \(d) is not \(line)")
    }
}

func run(_ test: WrapperCase, in folder: URL) throws {
    let here = folder.appendingPathComponent(test.name)
    let bytes = [UInt8](try Data(contentsOf: here.appendingPathComponent("frame.bytes")))
    for type in [MLMultiArrayDataType.float32, .double] {
        var outputs: [String: MLMultiArray] = [:]
        for (name, shape) in test.heads {
            outputs[name] = MLMultiArray(
                shape: shape, values: try floats(here.appendingPathComponent(name + ".f32")),
                type: type)
        }
        let model = MLModel(outputs: outputs)
        let detect = try test.open(model)
        for view in ["bgra", "full601", "video709", "full2020"] {
            let frame = buffer(bytes, view)
            for exif in UInt32(1)...8 {
                let name = "\(view).\(exif)"
                let found = try detect(frame, CGImagePropertyOrientation(rawValue: exif)!)
                check(frame.locks == 0, "the buffer is unlocked")
                let input = try floats(here.appendingPathComponent(name + ".input"))
                let difference = inputDifference(model.image!, input, bgr: test.bgr)
                check(difference < 0.51, "\(test.name) \(name): the input is \(difference) off")
                let boxes = here.appendingPathComponent(name + ".boxes")
                checkBoxes(
                    found, try String(contentsOf: boxes, encoding: .utf8), "\(test.name) \(name)")
            }
        }
        // A format that Core Image converts: of the same bytes in another order.
        var turned = bytes
        for i in stride(from: 0, to: turned.count, by: 4) { turned.swapAt(i, i + 2) }
        _ = try detect(buffer(turned, "rgba"), .right)
        let input = try floats(here.appendingPathComponent("bgra.6.input"))
        check(inputDifference(model.image!, input, bgr: test.bgr) < 0.51, "\(test.name): RGBA")
    }
    // Another model's outputs are an error.
    let other = try test.open(MLModel(outputs: [:]))
    check((try? other(buffer(bytes, "bgra"), .up)) == nil, "another model is accepted")
}

@main
enum WrapperTests {
    static func main() throws {
        let folder = URL(fileURLWithPath: CommandLine.arguments[1])
        for test in cases { try run(test, in: folder) }
        print("\(cases.count) wrappers see and find what oko does")
    }
}
