#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "oko/base/json.h"
#include "oko/base/progress.h"

namespace oko::cli {

// What every command gets: how to talk. Set from the global flags before a command's callback runs.
struct Context {
  bool json = false;   // machine output: one JSON document on standard output, nothing else there
  bool quiet = false;  // only errors
  bool color = false;  // standard error is a terminal
  std::unique_ptr<Progress> progress;  // bar on a terminal, plain lines elsewhere, on standard error
  // Prints a line of the human result to standard output (nothing with --json or --quiet).
  void say(const std::string& line) const;
  // Prints the machine result (only with --json).
  void emit(const Json& document) const;
};

// Each command adds itself with flags, help, an example in its footer, and a callback that throws
// oko::Error. One file a command.
void add_data_command(CLI::App& app, Context& context);
void add_train_command(CLI::App& app, Context& context);
void add_eval_command(CLI::App& app, Context& context);
void add_detect_command(CLI::App& app, Context& context);
void add_import_command(CLI::App& app, Context& context);
void add_inspect_command(CLI::App& app, Context& context);
void add_completion_command(CLI::App& app, Context& context);

}  // namespace oko::cli
