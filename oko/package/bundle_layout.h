#pragma once

// Names in a bundle. launcher.c knows them too. The loader is in a folder beside libexec: bin/oko,
// which takes the loader for its own executable (/proc/self/exe), looks for libexec/oko-commands
// there.
namespace oko::package {

inline constexpr char kLauncher[] = "bin/oko";
inline constexpr char kCommandsLauncher[] = "libexec/oko-commands";
inline constexpr char kLibraries[] = "lib";
inline constexpr char kPrograms[] = "lib/programs";
inline constexpr char kLoader[] = "lib/ld.so";
inline constexpr char kPage[] = "share/oko/web";
inline constexpr char kStandIn[] = "lib/oko-stand-in.so";
inline constexpr char kCertificates[] = "lib/ca-certificates.crt";

}  // namespace oko::package
