// What the example uses of Apple's SwiftUI, to be compiled only.
@_exported import Foundation
import UIKit

@MainActor @preconcurrency public protocol View {
    associatedtype Body: View
    @ViewBuilder @MainActor @preconcurrency var body: Body { get }
}

extension Never: View { public var body: Never { fatalError() } }

@resultBuilder public enum ViewBuilder {
    public static func buildBlock<Content: View>(_ content: Content) -> Content { content }
    public static func buildEither<A: View, B: View>(
        first: A
    ) -> ConditionalContent<A, B> { .init() }
    public static func buildEither<A: View, B: View>(
        second: B
    ) -> ConditionalContent<A, B> { .init() }
}

public struct ConditionalContent<A: View, B: View>: View {
    nonisolated init() {}
    public var body: Never { fatalError() }
}

public struct Text: View {
    public init(_ text: some StringProtocol) {}
    public var body: Never { fatalError() }
}

extension View {
    public func padding() -> some View { self }
    public func ignoresSafeArea() -> some View { self }
}

public struct RepresentableContext<Representable> {}

@MainActor @preconcurrency public protocol UIViewControllerRepresentable: View
where Body == Never {
    associatedtype UIViewControllerType: UIViewController
    typealias Context = RepresentableContext<Self>
    func makeUIViewController(context: Context) -> UIViewControllerType
    func updateUIViewController(_ controller: UIViewControllerType, context: Context)
}

extension UIViewControllerRepresentable { public var body: Never { fatalError() } }
