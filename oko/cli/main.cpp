// The oko program. LibTorch, OpenCV and their 290 dependencies take half a second and 160 MB to
// load, so only a separate program, oko-commands, links them; this one runs `oko store` and the
// workers of jobs itself and execs the other for everything else.
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
#include "oko/cli/job.h"

namespace {

// The command that this program runs itself; null for the others.
using AddCommand = void (*)(CLI::App& app, oko::cli::Context& context);
AddCommand light_command(char** words) {
  while (*words != nullptr && **words == '-') ++words;
  const auto is = [](const char* word, const char* name) {
    return word != nullptr && std::strcmp(word, name) == 0;
  };
  if (is(words[0], "store")) return oko::cli::add_store_command;
  if (is(words[0], "job") && is(words[1], "run")) return oko::cli::add_job_worker_command;
  return nullptr;
}

// Between tasks LibTorch's threads spin while they wait for each other. When another program, or
// our own image-decoding threads, hold a core, that costs up to twenty times the work itself;
// sleeping costs next to nothing even on an idle machine. OpenMP reads its wait policy when it is
// loaded. A policy that is already set is kept.
void let_threads_sleep() {
  if (std::getenv("GOMP_SPINCOUNT") == nullptr) setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
}

// What starts jobs, and their workers, have to start this program, not the other. A launcher that
// starts it in its own way has set the variable.
void remember_program() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) setenv("OKO_PROGRAM", self.c_str(), 0);
}

int become_commands(char** argv) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto path = (self.parent_path() / OKO_COMMANDS).lexically_normal();
  execv(path.c_str(), argv);
  std::cerr << "oko: error: " << oko::printable(path.string()) << ": cannot start ("
            << std::strerror(errno) << ")\n  hint: reinstall oko: this file is part of it\n";
  return static_cast<int>(oko::ErrorCode::kFailed);
}

}  // namespace

int main(int argc, char** argv) {
  remember_program();
  if (const AddCommand add = argc > 1 ? light_command(argv + 1) : nullptr) {
    return oko::cli::run_oko(argc, argv, add);
  }
  let_threads_sleep();
  return become_commands(argv);
}
