import CoreVideo
import Foundation

/// Objects of given boxes, and of a model's, from frame to frame.
struct TrackerTests {
    let model: OkoModel
    private let size = CGSize(width: 640, height: 360)

    init(model: OkoModel) { self.model = model }

    func run() throws {
        try idsStayAndLinesCount()
        try whatIsHiddenIsStillThere()
        try aDetectorsBoxesAreFollowed()
        try whatMakesNoSenseIsRefused()
    }

    private func detection(x: CGFloat, y: CGFloat = 100, kind: Int = 0) -> OkoDetection {
        OkoDetection(
            classIndex: kind, label: ["cat", "dog"][kind], score: 0.9,
            box: CGRect(x: x, y: y, width: 60, height: 80), frameSize: size)
    }

    /// A cat runs to the right, a dog sits.
    private func idsStayAndLinesCount() throws {
        let tracker = try OkoTracker()
        let line = try tracker.addLine(
            from: CGPoint(x: 320, y: 360), to: CGPoint(x: 320, y: 0))
        let dogs = try tracker.addZone(
            [.zero, CGPoint(x: 640, y: 0), CGPoint(x: 640, y: 360), CGPoint(x: 0, y: 360)],
            classIndex: 1)
        check(line == 0 && dogs == 1, "counters have numbers")
        var crossed: [OkoEvent] = []
        for step in 0..<30 {
            let objects = try tracker.update(
                [detection(x: 100 + 12 * CGFloat(step)), detection(x: 500, y: 200, kind: 1)],
                in: size, time: Double(step) / 15)
            let events = try tracker.events()
            if step == 0 { check(objects.isEmpty, "one detection is not shown") }
            if step == 1 {
                check(events.map(\.kind).filter { $0 == .appeared }.count == 2, "both appear")
            }
            if step > 0 {
                check(objects.map(\.id) == [1, 2], "ids stay")
                check(objects.map(\.label) == ["cat", "dog"], "labels")
                check(objects.allSatisfy { !$0.isHidden && $0.unseen == 0 }, "they are seen")
            }
            crossed += events.filter { $0.counter == line }
            if step == 29, let cat = objects.first {
                check(abs(cat.box.minX - 448) < 20, "where it is: \(cat.box)")
                check(abs(cat.normalisedBox.minX - cat.box.minX / 640) < 1e-9, "as a share")
                check(abs(cat.velocity.dx - 180) < 20, "how fast: \(cat.velocity)")
                check(abs(cat.age - 29.0 / 15) < 1e-6, "since when: \(cat.age)")
            }
        }
        check(crossed.count == 1 && crossed[0].kind == .in, "it crossed the line")
        check(crossed[0].object == 1 && crossed[0].classIndex == 0, "the cat did")
        check(try tracker.counts(of: line) == OkoCounts(in: 1, out: 0, inside: 0), "the line's")
        check(try tracker.counts(of: dogs) == OkoCounts(in: 1, out: 0, inside: 1), "the zone's")
        tracker.reset()
        check(try tracker.counts(of: line).in == 0, "counts begin again")
        _ = try tracker.update([detection(x: 10)], in: size, time: 9)
        check(
            try tracker.update([detection(x: 10)], in: size, time: 9.1).map(\.id) == [3],
            "no id is given twice")
    }

    private func whatIsHiddenIsStillThere() throws {
        var options = OkoTrackerOptions()
        options.confirm = 1
        options.lostAfter = 0.5
        let tracker = try OkoTracker(options: options)
        check(
            try tracker.update([detection(x: 10)], in: size, time: 1).count == 1,
            "it is shown at once")
        let hidden = try tracker.update([], in: size, time: 1.2)
        check(hidden.count == 1 && hidden[0].isHidden, "it is hidden")
        check(hidden[0].label == "cat" && abs(hidden[0].unseen - 0.2) < 1e-9, "for how long")
        check(try tracker.events().map(\.kind) == [.lost], "it is lost")
        check(try tracker.update([detection(x: 10)], in: size, time: 1.4).first?.id == 1, "again")
        check(try tracker.events().map(\.kind) == [.found], "it is found")
        check(try tracker.update([], in: size, time: 2).isEmpty, "it is gone")
    }

    private func aDetectorsBoxesAreFollowed() throws {
        let detector = try OkoDetector(model: model)
        var options = OkoTrackerOptions()
        options.lowScore = -1
        let tracker = try OkoTracker(options: options)
        let buffer = TestBuffer()
        let all = OkoThresholds(score: -1)
        let found = try detector.detect(buffer.pixels, thresholds: all)
        var ids: [UInt64] = []
        for step in 0..<4 {
            let objects = try tracker.detect(
                buffer.pixels, time: Double(step), with: detector, thresholds: all)
            if step == 1 { ids = objects.map(\.id) }
            if step > 1 { check(objects.map(\.id) == ids, "ids stay") }
            for object in objects { check(object.label == model.classNames[object.classIndex], "") }
        }
        check(!ids.isEmpty && ids.count <= found.count, "\(ids.count) of \(found.count)")
        check(buffer.pixels.locks == 0, "the buffer is unlocked")
    }

    private func whatMakesNoSenseIsRefused() throws {
        let tracker = try OkoTracker()
        _ = try tracker.update([], in: size, time: 5)
        let calls: [() throws -> Void] = [
            { _ = try tracker.update([], in: size, time: 4) },
            { _ = try tracker.counts(of: 0) },
            { _ = try tracker.addZone([.zero]) },
            { _ = try tracker.addLine(from: .zero, to: .zero) },
            {
                var options = OkoTrackerOptions()
                options.maxObjects = 5000
                _ = try OkoTracker(options: options)
            },
        ]
        for (number, call) in calls.enumerated() {
            do {
                try call()
                check(false, "call \(number) is accepted")
            } catch let error as OkoError {
                check(error.status == .invalidArgument, "\(number): \(error)")
            }
        }
    }
}
