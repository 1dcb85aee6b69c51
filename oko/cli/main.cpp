// The oko program. LibTorch, OpenCV's video module and their 290 dependencies take half a second
// and 160 MB to load, so only a separate program, oko-commands, links them; this one runs `oko
// store` and the workers of jobs itself and execs oko-light, or else oko-commands, for everything
// else.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "oko/cli/cli.h"
#include "oko/cli/job.h"
#include "oko/cli/programs.h"

namespace {

bool is(const char* word, const char* name) {
  return word != nullptr && std::strcmp(word, name) == 0;
}

// The words from the command on.
char** from_command(char** words) {
  while (*words != nullptr && **words == '-') ++words;
  return words;
}

// Whether oko-light has the command (light_commands.cpp).
bool is_light(char** words) {
  constexpr std::array kLight{"data",    "eval",  "quantize", "detect", "import",
                              "inspect", "phone", "bench",    "seal",   "weights"};
  const char* command = *from_command(words);
  return std::ranges::any_of(kLight, [&](const char* name) { return is(command, name); });
}

// The command that this program runs itself; null for the others.
using AddCommand = void (*)(CLI::App& app, oko::cli::Context& context);
AddCommand own_command(char** words) {
  if (is(words[0], "--version") && words[1] == nullptr) return [](CLI::App&, oko::cli::Context&) {};
  words = from_command(words);
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

}  // namespace

int main(int argc, char** argv) {
  remember_program();
  if (const AddCommand add = argc > 1 ? own_command(argv + 1) : nullptr) {
    return oko::cli::run_oko(argc, argv, add);
  }
  let_threads_sleep();
  // A bundle has no oko-light.
  if (argc > 1 && is_light(argv + 1)) oko::cli::become(oko::cli::Program::kLight, argv);
  return oko::cli::become_commands(argv);
}
