import CoreVideo
import Foundation

/// A buffer of a BGRA image of noise, 64 × 64.
final class TestBuffer: @unchecked Sendable {
    let pixels: CVPixelBuffer
    private let memory: UnsafeMutableRawBufferPointer

    init(side: Int = 64) {
        memory = .allocate(byteCount: 4 * side * side, alignment: 16)
        for i in memory.indices { memory[i] = UInt8(i / 4 * 7919 % 251) }
        pixels = CVPixelBuffer(
            format: kCVPixelFormatType_32BGRA, width: side, height: side,
            planes: [.init(address: memory.baseAddress!, bytesPerRow: 4 * side)])
    }

    deinit { memory.deallocate() }
}
