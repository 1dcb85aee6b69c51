#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/base/progress.h"

namespace oko::cli {

// Passed to every command: how to print. Set from the global flags before a command's callback
// runs.
struct Context {
  bool json = false;   // one JSON document on standard output and nothing else
  bool quiet = false;  // only errors
  bool color = false;  // standard error is a terminal
  // The exit code when a command finished but its result is not a success (faults found in a
  // dataset). Errors that stop the command are thrown instead.
  int exit_code = 0;
  // On standard error: a bar on a terminal, plain lines elsewhere, nothing with --quiet.
  std::unique_ptr<Progress> progress;
  // Changes the words of the command line before they are parsed; set by a command that also
  // accepts another program's terms.
  std::function<std::vector<std::string>(std::vector<std::string>)> rewrite;
  // Prints a line of human-readable output (nothing with --json or --quiet), passed through
  // printable(): always one line, whatever a name contains.
  void say(const std::string& line) const;
  // The same for several lines, whose names the caller has already made printable, as Table does.
  void say_lines(std::string_view text) const;
  // Prints the JSON result (only with --json), formatted by json_text().
  void emit(const Json& document) const;
  // Used instead of emit() for the error that stops the command while a document is half printed.
  std::function<void(const Json& error)> emit_error;
  // Prints an error that does not stop the command, on standard error and also with --quiet.
  void complain(const Error& error) const;
};

// For options that are a number of threads, and for those that are any whole number from 0. The
// error for a number that does not fit names the range.
inline CLI::Range thread_range() { return CLI::Range(0, 1024); }
std::string check_whole(const std::string& text);

// JSON text with control and invisible characters escaped; the values are unchanged.
std::string json_text(const Json& document, int indent = -1);

// Each command adds itself with flags, help, an example in its footer, and a callback that throws
// oko::Error. One file per command.
void add_data_command(CLI::App& app, Context& context);
void add_train_command(CLI::App& app, Context& context);
void add_cost_command(CLI::App& app, Context& context);
void add_eval_command(CLI::App& app, Context& context);
void add_quantize_command(CLI::App& app, Context& context);
void add_detect_command(CLI::App& app, Context& context);
void add_import_command(CLI::App& app, Context& context);
void add_export_command(CLI::App& app, Context& context);
void add_parity_command(CLI::App& app, Context& context);
void add_inspect_command(CLI::App& app, Context& context);
void add_phone_command(CLI::App& app, Context& context);
void add_bench_command(CLI::App& app, Context& context);
void add_job_command(CLI::App& app, Context& context);
void add_seal_command(CLI::App& app, Context& context);
void add_store_command(CLI::App& app, Context& context);
void add_weights_command(CLI::App& app, Context& context);
void add_completion_command(CLI::App& app, Context& context);
void add_help_command(CLI::App& app, Context& context);

// The command of `app` named `word`; throws a usage Error with the nearest name if there is none.
CLI::App* find_command(CLI::App& app, const std::string& word);

// The text of `oko help COMMAND` and `oko COMMAND --help`, in 80 columns.
std::string help_of(const CLI::App& command);
// "oko job show JOB", and "FOLDER" for an option's value: parts of it, for hints.
std::string usage_of(const CLI::App& command);
std::string value_name(const CLI::Option& option);

// The global flag --max-pixels of programs that decode images.
void add_max_pixels(CLI::App& app);
void add_all_commands(CLI::App& app, Context& context);
// Those that run without LibTorch and OpenCV's video module.
void add_light_commands(CLI::App& app, Context& context);

using AddCommands = std::function<void(CLI::App& app, Context& context)>;
// Parses the command line, runs a command, prints errors. Returns the exit code.
int run_oko(int argc, char** argv, const AddCommands& add_commands);

}  // namespace oko::cli
