import CoreGraphics
import Foundation
import OkoC

/// An object that is followed from frame to frame.
public struct OkoObject: Sendable, Identifiable {
    /// From 1; no other object of the same tracker ever has it.
    public let id: UInt64
    public let classIndex: Int
    public let label: String
    /// Of its last detection.
    public let score: Float
    /// In the frame's own stored pixels, origin at the top left: smoothed, and not clipped to the
    /// frame.
    public let box: CGRect
    /// The same relative to the frame's width and height, as of OkoDetection.
    public let normalisedBox: CGRect
    /// It was not found in this frame; the box is where it should be by now.
    public let isHidden: Bool
    /// Of its centre, in pixels a second.
    public let velocity: CGVector
    /// Seconds since it was first seen.
    public let age: TimeInterval
    /// Seconds since it was last seen; 0: in this frame.
    public let unseen: TimeInterval

    init(_ object: oko_object, label: String, in frameSize: CGSize) {
        id = object.id
        classIndex = Int(object.class_id)
        self.label = label
        score = object.score
        box = CGRect(
            left: object.left, top: object.top, right: object.right, bottom: object.bottom)
        normalisedBox = box.normalised(in: frameSize)
        isHidden = object.state == Int32(OKO_HIDDEN.rawValue)
        velocity = CGVector(dx: CGFloat(object.velocity_x), dy: CGFloat(object.velocity_y))
        age = object.age
        unseen = object.hidden
    }
}

/// What happened in a frame.
public struct OkoEvent: Sendable {
    public enum Kind: Int32, Sendable {
        /// A new object is shown.
        case appeared = 0
        /// It is hidden now.
        case lost = 1
        /// And was found again.
        case found = 2
        /// It was hidden for too long.
        case gone = 3
        /// It crossed a line forwards, or is in a zone now.
        case `in` = 4
        /// It crossed a line backwards, or is not in a zone any more.
        case out = 5
    }

    public let kind: Kind
    public let classIndex: Int
    /// The object's id.
    public let object: UInt64
    /// The number of the line or zone, of `in` and `out`.
    public let counter: Int?

    /// nil: an event of a later library.
    init?(_ event: oko_event) {
        guard let kind = Kind(rawValue: event.kind) else { return nil }
        self.kind = kind
        classIndex = Int(event.class_id)
        object = event.object
        counter = event.counter < 0 ? nil : Int(event.counter)
    }
}

/// What a line or zone has counted.
public struct OkoCounts: Sendable, Equatable {
    /// Of a zone, what appears and disappears inside counts too.
    public let `in`: Int
    public let out: Int
    /// Of a zone, now.
    public let inside: Int
}
