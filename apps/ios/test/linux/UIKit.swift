// What the Swift package and the example use of Apple's UIKit; of the latter, to be compiled only.
@_exported import Foundation
@_exported import QuartzCore

public struct UIEdgeInsets: Sendable {}

extension CGRect {
    public func inset(by insets: UIEdgeInsets) -> CGRect { self }
}

public final class UIColor: Sendable {
    public var cgColor: CGColor { .init() }
    public static let black = UIColor()
    public static let white = UIColor()
    public static var systemYellow: UIColor { .init() }
    public static var systemGreen: UIColor { .init() }
    public static var systemBlue: UIColor { .init() }
    public static var systemOrange: UIColor { .init() }
    public static var systemPink: UIColor { .init() }
    public static var systemTeal: UIColor { .init() }
    public static var systemPurple: UIColor { .init() }
    public static var systemRed: UIColor { .init() }
}

public enum NSTextAlignment: Int, Sendable { case left, center, right }
@MainActor public final class UITraitCollection: NSObject { public var displayScale: CGFloat { 1 } }
@MainActor open class UIResponder: NSObject {}

@MainActor open class UIApplication: UIResponder {
    nonisolated public static let didReceiveMemoryWarningNotification =
        Notification.Name("DidReceiveMemoryWarning")
}

@MainActor open class UIView: UIResponder {
    public init(frame: CGRect) {}
    public required init?(coder: NSCoder) {}
    open class var layerClass: AnyClass { CALayer.self }
    open var layer: CALayer { .init() }
    open var frame: CGRect = .zero
    open var bounds: CGRect = .zero
    open var backgroundColor: UIColor?
    open var clipsToBounds = false
    open var isUserInteractionEnabled = true
    open var safeAreaInsets: UIEdgeInsets { .init() }
    open var traitCollection: UITraitCollection { .init() }
    open func addSubview(_ view: UIView) {}
    open func layoutSubviews() {}
}

@MainActor open class UILabel: UIView {
    public convenience init() { self.init(frame: .zero) }
    open var text: String?
    open var textColor: UIColor! = .black
    open var textAlignment: NSTextAlignment = .left
    open var numberOfLines = 1
}

@MainActor open class UIViewController: UIResponder {
    public init(nibName: String?, bundle: Bundle?) {}
    public required init?(coder: NSCoder) {}
    open var view: UIView! { get { .init(frame: .zero) } set {} }
    open func viewDidLoad() {}
    open func viewDidLayoutSubviews() {}
    open func viewWillAppear(_ animated: Bool) {}
    open func viewDidDisappear(_ animated: Bool) {}
}
