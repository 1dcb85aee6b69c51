// swift-tools-version:5.9
import PackageDescription

// scripts/build_ios.sh builds OkoC.xcframework: the engine with its C header as the module OkoC.
let package = Package(
    name: "Oko",
    platforms: [.iOS(.v15)],
    products: [.library(name: "Oko", targets: ["Oko"])],
    targets: [
        .binaryTarget(name: "OkoC", path: "OkoC.xcframework"),
        .target(name: "Oko", dependencies: ["OkoC"], linkerSettings: [.linkedLibrary("c++")]),
    ]
)
