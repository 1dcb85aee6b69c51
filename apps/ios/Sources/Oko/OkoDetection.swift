import CoreGraphics
import Foundation
import OkoC

public struct OkoDetection: Sendable {
    public let classIndex: Int
    public let label: String
    public let score: Float
    /// In the frame's own stored pixels, origin at the top left.
    public let box: CGRect
    /// The same relative to the frame's width and height, for
    /// AVCaptureVideoPreviewLayer.layerRectConverted(fromMetadataOutputRect:).
    public let normalisedBox: CGRect

    /// A detection from elsewhere, such as Core ML, for OkoTracker.update().
    public init(classIndex: Int, label: String, score: Float, box: CGRect, frameSize: CGSize) {
        self.classIndex = classIndex
        self.label = label
        self.score = score
        self.box = box
        normalisedBox = box.normalised(in: frameSize)
    }

    init(_ found: oko_detection, labels: [String], in frameSize: CGSize) {
        self.init(
            classIndex: Int(found.class_id), label: labels.label(of: found.class_id),
            score: found.score,
            box: CGRect(
                left: found.left, top: found.top, right: found.right, bottom: found.bottom),
            frameSize: frameSize)
    }

    var inC: oko_detection {
        oko_detection(
            class_id: Int32(clamping: classIndex), score: score, left: Float(box.minX),
            top: Float(box.minY), right: Float(box.maxX), bottom: Float(box.maxY))
    }
}

extension CGRect {
    init(left: Float, top: Float, right: Float, bottom: Float) {
        self.init(
            x: CGFloat(left), y: CGFloat(top), width: CGFloat(right - left),
            height: CGFloat(bottom - top))
    }

    func normalised(in size: CGSize) -> CGRect {
        CGRect(
            x: minX / size.width, y: minY / size.height, width: width / size.width,
            height: height / size.height)
    }
}
