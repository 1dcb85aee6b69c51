#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/suggest.h"
#include "oko/base/text.h"
#include "oko/cli/cli.h"
#include "oko/cli/progress_bar.h"
#include "oko/cli/standard_streams.h"
#include "oko/cli/usage.h"

namespace oko::cli {
namespace {

constexpr char kVersion[] = "oko " OKO_VERSION;
constexpr char kFooter[] =
    "Exit codes: 0 done, 1 failed, 2 bad usage, 3 bad input, 4 storage or network,\n"
    "5 worker lost, 130 interrupted.";

std::unique_ptr<Progress> make_progress(const Context& context) {
  if (context.quiet) return std::make_unique<NoProgress>();
  if (context.color) {
    return make_terminal_progress(std::cerr, [] { return static_cast<int>(error_columns()); });
  }
  return make_line_progress(std::cerr);
}

void add_global_flags(CLI::App& app, Context& context) {
  app.set_help_flag("-h,--help", "Print this help");  // commands inherit this
  app.set_version_flag("--version", kVersion, "Print the version");
  app.add_flag("--json", context.json, "Print one JSON document instead of text");
  app.add_flag("-q,--quiet", context.quiet, "Print errors only");
  app.require_subcommand(0, 1);
  app.fallthrough();  // global flags may also stand after the command; commands inherit this
  app.footer(kFooter);
  app.parse_complete_callback([&context] { context.progress = make_progress(context); });
}

// A script whose variable is unset passes an empty value. No option means anything by one, and it
// must not be mistaken for an option that was not given.
void refuse_empty_values(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() == 0) continue;  // a flag
    option->check([](const std::string& value) {
      return value.empty() ? std::string("is empty: name something or omit it") : std::string();
    });
  }
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    refuse_empty_values(*command);
  }
}

void print_error(const Error& error, const Context& context) {
  const std::string place = error.place().empty() ? "" : printable(error.place()) + ": ";
  std::cerr << (context.color ? "oko: \x1b[1;31merror:\x1b[0m " : "oko: error: ") << place
            << printable(error.message()) << '\n';
  if (!error.hint().empty()) std::cerr << "  hint: " << printable(error.hint()) << '\n';
  const Json document = {{"error",
                          {{"code", static_cast<int>(error.code())},
                           {"place", error.place()},
                           {"message", error.message()},
                           {"hint", error.hint()}}}};
  context.emit_error ? context.emit_error(document) : context.emit(document);
}

// The exception being handled as an Error. LibTorch appends a stack trace to its messages; only the
// first line is kept.
Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::kFailed, "", "out of memory");
  } catch (const std::exception& error) {
    const std::string text = error.what();
    return Error(ErrorCode::kFailed, "", text.substr(0, text.find('\n')));
  }
}

void parse_and_run(CLI::App& app, std::vector<std::string> words) {
  try {
    named_command(app, words);  // reports unknown commands better than CLI11 does
    std::vector<std::string> reversed(words.rbegin(), words.rend());  // as CLI11 wants them
    app.parse(std::move(reversed));
    if (app.get_subcommands().empty()) std::cout << help_of(app);
  } catch (const CLI::CallForHelp&) {
    std::cout << help_of(*named_command(app, words));
  } catch (const CLI::CallForVersion&) {
    std::cout << kVersion << '\n';
  } catch (const CLI::ParseError& error) {
    throw usage_error(error, app, words);
  }
}

int run_command(CLI::App& app, Context& context, const std::vector<std::string>& words) {
  try {
    parse_and_run(app, context.rewrite ? context.rewrite(words) : words);
    return context.exit_code;
  } catch (...) {
    context.progress.reset();  // erases a half-drawn bar
    const Error error = current_error();
    print_error(error, context);
    return static_cast<int>(error.code());
  }
}

}  // namespace

CLI::App* find_command(CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    if (command->get_name() == word) return command;
    names.push_back(command->get_name());
  }
  const std::string near = nearest_word(word, names);
  throw Error(ErrorCode::kUsage, app.get_parent() == nullptr ? "" : app.get_name(),
              "unknown command \"" + word + "\"",
              near.empty() ? "oko help lists the commands" : "did you mean \"" + near + "\"?");
}

int run_oko(int argc, char** argv, const AddCommands& add_commands) {
  // A closed pipe must not kill a training run; the failed write is reported below instead.
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  Context context;
  context.color = isatty(STDERR_FILENO) == 1;
  // Known before parsing, so that a usage error is printed in the right form.
  context.json = std::find(words.begin(), words.end(), "--json") != words.end();
  CLI::App app("From labelled photos to a detector inside a phone app.", "oko");
  add_global_flags(app, context);
  add_commands(app, context);
  refuse_empty_values(app);
  const int code = run_command(app, context, words);
  std::cout.flush();
  if (std::cout.good() || code != 0) return code;
  // The reader of a pipe that went away (oko … | head) has seen enough; a full disk has not.
  if (!is_reader_gone()) std::cerr << "oko: error: standard output: cannot write\n";
  return static_cast<int>(ErrorCode::kStorage);
}

}  // namespace oko::cli
