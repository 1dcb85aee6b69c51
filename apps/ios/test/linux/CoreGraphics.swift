// CGRect and its like are Foundation's here.
@_exported import Foundation

public struct CGVector: Equatable, Sendable {
    public var dx, dy: CGFloat
    public init(dx: CGFloat, dy: CGFloat) {
        self.dx = dx
        self.dy = dy
    }
}

// What Foundation has on Apple's systems alone. The tests set the state.
extension ProcessInfo {
    public enum ThermalState: Int, Sendable { case nominal, fair, serious, critical }
    public static let thermalStateDidChangeNotification = Notification.Name("ThermalState")
    nonisolated(unsafe) public static var standInThermalState = ThermalState.nominal
    public var thermalState: ThermalState { Self.standInThermalState }
}
