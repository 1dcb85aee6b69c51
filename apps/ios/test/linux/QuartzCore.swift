// What the example uses of Apple's Core Animation, to be compiled only.
@_exported import CoreGraphics
import Foundation

public final class CGColor: Sendable { public init() {} }

open class CALayer: NSObject, NSCoding {
    public override init() {}
    public init(layer: Any) {}
    public required init?(coder: NSCoder) {}
    open func encode(with coder: NSCoder) {}
    open var frame: CGRect = .zero
    open var contentsScale: CGFloat = 1
    open var borderWidth: CGFloat = 0
    open var cornerRadius: CGFloat = 0
    open var borderColor: CGColor?
    open var backgroundColor: CGColor?
    open var sublayers: [CALayer]?
    open func addSublayer(_ layer: CALayer) {}
    open func removeFromSuperlayer() {}
    open func preferredFrameSize() -> CGSize { .zero }
}

open class CATextLayer: CALayer {
    open var string: Any?
    open var fontSize: CGFloat = 0
    open var foregroundColor: CGColor?
}

open class CATransaction: NSObject {
    open class func begin() {}
    open class func commit() {}
    open class func setDisableActions(_ flag: Bool) {}
}
