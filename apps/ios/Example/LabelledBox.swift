import CoreGraphics

/// What is drawn around one object.
nonisolated struct LabelledBox: Sendable {
    /// In the pixels of the camera's buffer, as it is stored.
    var box: CGRect
    var text: String
    /// Boxes of one kind have one colour.
    var kind: Int
    /// Of an object that is followed from frame to frame: it gives the colour then.
    var id: Int?

    init(box: CGRect, label: String, score: Float, kind: Int, id: Int? = nil) {
        self.box = box
        self.kind = kind
        self.id = id
        let percent = "\(label) \(Int((score * 100).rounded())) %"
        text = id.map { "#\($0) \(percent)" } ?? percent
    }
}

/// The boxes of one frame.
nonisolated struct LabelledFrame: Sendable {
    var boxes: [LabelledBox]
    /// Of the buffer that the boxes are in.
    var size: CGSize
}
