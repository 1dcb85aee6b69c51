#include "oko/cli/programs.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "oko/base/error.h"
#include "oko/base/text.h"

namespace oko::cli {
namespace {

// From oko's folder, bin or cli, and from libexec itself.
std::filesystem::path path_of(Program program) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto folder = self.parent_path() / "../libexec";
  return (folder / (program == Program::kLight ? "oko-light" : "oko-commands")).lexically_normal();
}

}  // namespace

int become(Program program, char** argv) {
  execv(path_of(program).c_str(), argv);
  return errno;
}

int become_commands(char** argv) {
  const int error = become(Program::kCommands, argv);
  std::cerr << "oko: error: " << printable(path_of(Program::kCommands).string())
            << ": cannot start (" << std::strerror(error)
            << ")\n  hint: reinstall oko: this file is part of it\n";
  return static_cast<int>(ErrorCode::kFailed);
}

}  // namespace oko::cli
