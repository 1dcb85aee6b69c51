#include "oko/package/installation.h"

#include <filesystem>
#include <system_error>

#include "oko/base/error.h"
#include "oko/package/bundle_layout.h"

namespace oko::package {
namespace {

namespace fs = std::filesystem;

fs::path running_executable() {
  std::error_code error;
  const fs::path path = fs::read_symlink("/proc/self/exe", error);
  if (error) throw Error(ErrorCode::kFailed, "/proc/self/exe", "cannot be read", "mount /proc");
  return path;
}

// The folder of the bundle whose loader or launcher `executable` is; empty if it is neither.
fs::path bundle_of(const fs::path& executable) {
  const fs::path root = executable.parent_path().parent_path();
  const bool is_part = executable == root / kLoader || executable == root / kLauncher ||
                       executable == root / kCommandsLauncher;
  std::error_code error;
  return is_part && fs::exists(root / kPrograms / "oko", error) ? root : fs::path();
}

std::string existing(const fs::path& file) {
  std::error_code error;
  if (fs::is_regular_file(file, error)) return file.string();
  throw input_error(file.string(), "is missing: it is part of an installed oko",
                    "install oko completely (cmake --install)");
}

// bin/oko of an installation, or cli/oko of a build folder.
fs::path oko_beside(const fs::path& commands) {
  const fs::path prefix = commands.parent_path().parent_path();
  std::error_code error;
  const fs::path built = prefix / "cli" / "oko";
  return fs::exists(built, error) ? built : prefix / "bin" / "oko";
}

// The folders that may have the camera page, by that of the program.
std::vector<fs::path> pages_beside(const fs::path& programs) {
  return {(programs / ".." / kPage).lexically_normal(),
          (programs / "../../../web/package").lexically_normal()};
}

std::string page_beside(const fs::path& programs) {
  for (const fs::path& folder : pages_beside(programs)) {
    std::error_code error;
    if (fs::is_directory(folder, error)) return folder.string();
  }
  return {};
}

}  // namespace

Installation find_installation(const std::string& oko) {
  fs::path program;
  if (oko.empty()) {
    program = running_executable();
  } else {
    std::error_code error;
    program = fs::canonical(oko, error);
    if (error) throw input_error(oko, "is missing", "give the path of a program bin/oko");
  }
  if (const fs::path bundle = bundle_of(program); !bundle.empty()) {
    return {.oko = {},
            .commands = {},
            .launcher = {},
            .stand_in = {},
            .page = {},
            .bundle = bundle.string()};
  }
  const fs::path libexec = (program.parent_path() / "../libexec").lexically_normal();
  const fs::path commands = libexec / "oko-commands";
  if (program.filename() != "oko") program = oko_beside(commands);
  return {.oko = existing(program),
          .commands = existing(commands),
          .launcher = existing(libexec / "oko-launcher"),
          .stand_in = existing(libexec / "oko-stand-in.so"),
          .page = page_beside(libexec),
          .bundle = {}};
}

std::vector<std::string> page_folders() {
  const fs::path program = running_executable();
  const fs::path bundle = bundle_of(program);
  if (!bundle.empty()) return {(bundle / kPage).string()};
  std::vector<std::string> folders;
  for (const fs::path& folder : pages_beside(program.parent_path())) {
    folders.push_back(folder.string());
  }
  return folders;
}

}  // namespace oko::package
