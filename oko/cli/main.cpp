#include <unistd.h>

#include <array>
#include <cstring>

#include "oko/cli/cli.h"

namespace {

// Copying files takes no LibTorch, and starting twice longer than many a copy.
bool is_store_command(char** argv) {
  while (*argv != nullptr && **argv == '-') ++argv;
  return *argv != nullptr && std::strcmp(*argv, "store") == 0;
}

// Between two pieces of work LibTorch's threads wait for each other by spinning. Where another
// program, or our own threads that decode pictures, hold a processor, that costs up to twenty times
// the work itself; asleep, they cost next to nothing on an idle machine as well. OpenMP reads its
// wait policy when it is loaded, so it is set by starting once more with it, and here, before the
// constructors of the libraries have run, that takes a few hundredths of a second. If it fails,
// things are only slower. A policy that is already there stays.
void let_threads_sleep(int, char** argv, char** environment) {
  if (*argv == nullptr || is_store_command(argv + 1)) return;
  constexpr std::size_t kMostVariables = 4096;
  static std::array<char*, kMostVariables + 2> extended;
  static char policy[] = "OMP_WAIT_POLICY=PASSIVE";
  std::size_t count = 0;
  for (; environment[count] != nullptr; ++count) {
    if (count == kMostVariables) return;
    if (std::strncmp(environment[count], "OMP_WAIT_POLICY=", 16) == 0 ||
        std::strncmp(environment[count], "GOMP_SPINCOUNT=", 15) == 0) {
      return;
    }
    extended[count] = environment[count];
  }
  extended[count] = policy;
  static std::array<char, 4096> self;  // its real name: that is what top and ps show
  const ssize_t length = readlink("/proc/self/exe", self.data(), self.size() - 1);
  if (length > 0) execve(self.data(), argv, extended.data());
}

using Preinit = void (*)(int, char**, char**);
[[gnu::section(".preinit_array"), gnu::used]] const Preinit g_preinit = let_threads_sleep;

}  // namespace

int main(int argc, char** argv) { return oko::cli::run_oko(argc, argv); }
