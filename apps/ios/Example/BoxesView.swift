import UIKit

/// Boxes and their labels over a camera's preview.
final class BoxesView: UIView {
    private static let colours: [UIColor] = [
        .systemYellow, .systemGreen, .systemBlue, .systemOrange, .systemPink, .systemTeal,
        .systemPurple, .systemRed,
    ]
    private var shown: [(box: CALayer, text: CATextLayer)] = []

    /// `place` converts a box of the frame to this view's coordinates.
    func show(_ boxes: [LabelledBox], place: (CGRect) -> CGRect) {
        CATransaction.begin()
        CATransaction.setDisableActions(true)  // boxes jump, they don't fade
        defer { CATransaction.commit() }
        while shown.count > boxes.count { shown.removeLast().box.removeFromSuperlayer() }
        while shown.count < boxes.count { shown.append(makeBox()) }
        for (layers, box) in zip(shown, boxes) {
            let colour = Self.colours[abs(box.id ?? box.kind) % Self.colours.count].cgColor
            layers.box.frame = place(box.box)
            layers.box.borderColor = colour
            layers.text.string = box.text
            layers.text.backgroundColor = colour
            let size = layers.text.preferredFrameSize()
            layers.text.frame = CGRect(
                x: 0, y: -size.height, width: size.width, height: size.height)
        }
    }

    private func makeBox() -> (box: CALayer, text: CATextLayer) {
        let (box, text) = (CALayer(), CATextLayer())
        box.borderWidth = 2
        box.cornerRadius = 4
        text.fontSize = 13
        text.contentsScale = traitCollection.displayScale
        text.foregroundColor = UIColor.black.cgColor
        box.addSublayer(text)
        layer.addSublayer(box)
        return (box, text)
    }
}
