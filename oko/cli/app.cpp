#include <sys/ioctl.h>
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

namespace oko::cli {
namespace {

constexpr char kVersion[] = "oko " OKO_VERSION;
constexpr char kFooter[] =
    "Exit codes: 0 done, 1 failed, 2 bad usage, 3 bad input, 4 storage or network,\n"
    "5 worker lost, 130 interrupted.";

int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::unique_ptr<Progress> make_progress(const Context& context) {
  if (context.quiet) return std::make_unique<NoProgress>();
  if (context.color) return make_terminal_progress(std::cerr, terminal_columns);
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

// The command named by the first words, as deep as they go ("data", "check").
CLI::App* named_command(CLI::App& app, const std::vector<std::string>& words) {
  CLI::App* command = &app;
  bool is_value = false;  // of the preceding flag
  for (const std::string& word : words) {
    if (std::exchange(is_value, false)) continue;
    if (word.starts_with("-")) {
      const CLI::Option* flag = command->get_option_no_throw(word);
      if (flag == nullptr) flag = app.get_option_no_throw(word);
      is_value = flag != nullptr && flag->get_items_expected_max() > 0;
      continue;
    }
    if (command->get_subcommands([](CLI::App*) { return true; }).empty()) break;
    command = find_command(*command, word);
  }
  return command;
}

// The known option nearest to the first unknown one among the words; "" if there is none.
std::string nearest_option(const CLI::App& app, const CLI::App& command,
                           const std::vector<std::string>& words) {
  std::vector<std::string> known;
  for (const CLI::App* up = &command; up != nullptr; up = up == &app ? nullptr : &app) {
    for (const CLI::Option* option : up->get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    }
  }
  for (const std::string& word : words) {
    const std::string flag = word.substr(0, word.find('='));
    if (!flag.starts_with("--") || std::ranges::find(known, flag) != known.end()) continue;
    return nearest_word(flag, known);
  }
  return {};
}

// A CLI11 message as one of ours, with a hint.
Error usage_error(const CLI::ParseError& error, CLI::App& app,
                  const std::vector<std::string>& words) {
  std::string name = named_command(app, words)->get_name();
  for (const CLI::App* up = named_command(app, words)->get_parent(); up != nullptr && up != &app;
       up = up->get_parent()) {
    name = up->get_name() + " " + name;
  }
  const bool at_root = named_command(app, words) == &app;
  if (const std::string near = nearest_option(app, *named_command(app, words), words);
      !near.empty()) {
    return Error(ErrorCode::kUsage, at_root ? "" : name, error.what(),
                 "did you mean " + near + "?");
  }
  return Error(ErrorCode::kUsage, at_root ? "" : name, error.what(),
               at_root ? "oko help lists the commands" : "oko help " + name);
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
