import CoreGraphics
import Foundation
import OkoC

/// Lines and zones of a tracker in C, which is the caller's meanwhile.
struct Counters {
    let tracker: OpaquePointer

    func addLine(from start: CGPoint, to end: CGPoint, classIndex: Int?) throws -> Int {
        var counter: Int32 = -1
        try OkoError.check(
            oko_tracker_add_line(
                tracker, Float(start.x), Float(start.y), Float(end.x), Float(end.y),
                Self.inC(classIndex), &counter))
        return Int(counter)
    }

    func addZone(_ corners: [CGPoint], classIndex: Int?) throws -> Int {
        let points = corners.flatMap { [Float($0.x), Float($0.y)] }
        var counter: Int32 = -1
        try OkoError.check(
            oko_tracker_add_zone(tracker, points, corners.count, Self.inC(classIndex), &counter))
        return Int(counter)
    }

    func counts(of counter: Int) throws -> OkoCounts {
        var counts = oko_counts()
        counts.struct_size = MemoryLayout<oko_counts>.size
        try OkoError.check(oko_tracker_counts(tracker, Int32(clamping: counter), &counts))
        return OkoCounts(in: Int(counts.in), out: Int(counts.out), inside: Int(counts.inside))
    }

    private static func inC(_ classIndex: Int?) -> Int32 {
        classIndex.map { Int32(clamping: $0) } ?? -1
    }
}
