#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/base/progress.h"

namespace oko::cli {

// What every command gets: how to talk. Set from the global flags before a command's callback runs.
struct Context {
  bool json = false;   // machine output: one JSON document on standard output, nothing else there
  bool quiet = false;  // only errors
  bool color = false;  // standard error is a terminal
  // What the process returns when a command did its work and reported it, but what it reported is
  // no success (faults found in a dataset). Errors that end the work are thrown instead.
  int exit_code = 0;
  // On standard error: a bar on a terminal, plain lines elsewhere, nothing with --quiet.
  std::unique_ptr<Progress> progress;
  // Prints a line of the human result to standard output (nothing with --json or --quiet), as
  // printable() makes it: whatever is in a name, it is one line.
  void say(const std::string& line) const;
  // The same of several lines. Who made them has seen to the names in them, as Table does.
  void say_lines(std::string_view text) const;
  // Prints the machine result (only with --json), as json_text() makes it.
  void emit(const Json& document) const;
  // In place of emit() for the error that ends the work, where a document is half printed.
  std::function<void(const Json& error)> emit_error;
  // Tells of an error that does not end the work, on standard error and also with --quiet.
  void complain(const Error& error) const;
};

// Of options that are threads, and of those with any whole number from 0: one that does not fit is
// told with its range.
inline CLI::Range thread_range() { return CLI::Range(0, 1024); }
std::string check_whole(const std::string& text);

// JSON text, in which characters that a terminal would obey or not show are escaped: the values are
// the same.
std::string json_text(const Json& document, int indent = -1);

// Each command adds itself with flags, help, an example in its footer, and a callback that throws
// oko::Error. One file a command.
void add_data_command(CLI::App& app, Context& context);
void add_train_command(CLI::App& app, Context& context);
void add_eval_command(CLI::App& app, Context& context);
void add_quantize_command(CLI::App& app, Context& context);
void add_detect_command(CLI::App& app, Context& context);
void add_import_command(CLI::App& app, Context& context);
void add_export_command(CLI::App& app, Context& context);
void add_parity_command(CLI::App& app, Context& context);
void add_inspect_command(CLI::App& app, Context& context);
void add_store_command(CLI::App& app, Context& context);
void add_completion_command(CLI::App& app, Context& context);
void add_help_command(CLI::App& app, Context& context);

// The command of `app` named `word`; a usage Error with the nearest name where there is none.
CLI::App* find_command(CLI::App& app, const std::string& word);

// What `oko help COMMAND` and `oko COMMAND --help` print, in 80 columns.
std::string help_of(const CLI::App& command);

void add_all_commands(CLI::App& app, Context& context);

using AddCommands = std::function<void(CLI::App& app, Context& context)>;
// A command line with some or all commands: parses, runs one, tells errors. Returns the exit code.
int run_oko(int argc, char** argv, const AddCommands& add_commands);

}  // namespace oko::cli
