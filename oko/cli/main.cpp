// What is called oko. LibTorch, OpenCV and the 290 libraries behind them take half a second and
// 160 MB to load, so only a program of its own, oko-commands, has them; this one copies files by
// itself and becomes the other for everything else.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>

#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/cli/cli.h"

namespace {

bool is_store_command(char** words) {
  while (*words != nullptr && **words == '-') ++words;
  return *words != nullptr && std::strcmp(*words, "store") == 0;
}

// Between two pieces of work LibTorch's threads wait for each other by spinning. Where another
// program, or our own threads that decode pictures, hold a processor, that costs up to twenty times
// the work itself; asleep, they cost next to nothing on an idle machine as well. OpenMP reads its
// wait policy when it is loaded. A policy that is already there stays.
void let_threads_sleep() {
  if (std::getenv("GOMP_SPINCOUNT") == nullptr) setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
}

int become_commands(char** argv) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto path = (self.parent_path() / OKO_COMMANDS).lexically_normal();
  execv(path.c_str(), argv);
  std::cerr << "oko: error: " << oko::printable(path.string()) << ": cannot be started ("
            << std::strerror(errno)
            << ")\n  hint: install oko as a whole: this file belongs to it\n";
  return static_cast<int>(oko::ErrorCode::kFailed);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && is_store_command(argv + 1)) {
    return oko::cli::run_oko(argc, argv, oko::cli::add_store_command);
  }
  let_threads_sleep();
  return become_commands(argv);
}
