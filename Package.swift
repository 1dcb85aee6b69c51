// swift-tools-version:6.0
import PackageDescription

// The engine with its C header as the module OkoC. On a release's tag scripts/release_ios.sh has
// written the address and checksum of the one that was built for it here. nil: the one that
// scripts/build_ios.sh builds in this clone.
let release: (url: String, checksum: String)? = nil

let engine =
    release.map { Target.binaryTarget(name: "OkoC", url: $0.url, checksum: $0.checksum) }
    ?? .binaryTarget(name: "OkoC", path: "apps/ios/OkoC.xcframework")

let package = Package(
    name: "Oko",
    platforms: [.iOS(.v15), .macCatalyst(.v15)],
    products: [.library(name: "Oko", targets: ["Oko"])],
    targets: [
        engine,
        .target(
            name: "Oko", dependencies: ["OkoC"], path: "apps/ios/Sources/Oko",
            resources: [.copy("PrivacyInfo.xcprivacy")],
            linkerSettings: [.linkedLibrary("c++")]),
    ],
    swiftLanguageModes: [.v6]
)
