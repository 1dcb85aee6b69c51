#include "oko/cli/usage.h"

#include <algorithm>
#include <regex>
#include <string_view>
#include <utility>

#include "oko/base/suggest.h"
#include "oko/cli/cli.h"

namespace oko::cli {
namespace {

std::vector<CLI::App*> commands_of(CLI::App& app) {
  return app.get_subcommands([](CLI::App*) { return true; });
}

// "data check"; "" for the program itself.
std::string name_of(const CLI::App& app, const CLI::App& command) {
  if (&command == &app) return {};
  std::string name = command.get_name();
  for (const CLI::App* up = command.get_parent(); up != nullptr && up != &app;
       up = up->get_parent()) {
    name = up->get_name() + " " + name;
  }
  return name;
}

std::string help_hint(const CLI::App& app, const CLI::App& command) {
  const std::string name = name_of(app, command);
  return name.empty() ? "oko help lists the commands" : "oko help " + name;
}

// The option of a command, or one that all commands have.
const CLI::Option* option_named(const CLI::App& app, const CLI::App& command,
                                const std::string& name) {
  const CLI::Option* const own = command.get_option_no_throw(name);
  return own != nullptr ? own : app.get_option_no_throw(name);
}

bool is_flag(const std::string& word) {
  return word.size() > 1 && word.starts_with('-') && word != "--";
}

// The two names in "--rounds requires --profile"; the second is empty without `between`.
std::pair<std::string, std::string> split_at(const std::string& text, std::string_view between) {
  const std::size_t at = text.find(between);
  if (at == std::string::npos) return {text, ""};
  return {text.substr(0, at), text.substr(at + between.size())};
}

// ---- Words that nothing takes ------------------------------------------------------------------

Error unknown_option(const std::string& word, const CLI::App& app, const CLI::App& command) {
  const std::string flag = word.substr(0, word.find('='));
  std::vector<std::string> known;  // without the dashes, which all of them share
  for (const CLI::App* up = &command; up != nullptr; up = up == &app ? nullptr : &app) {
    for (const CLI::Option* option : up->get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back(name);
    }
  }
  const std::string near =
      flag.starts_with("--") ? nearest_word(flag.substr(2), known) : std::string();
  return Error(ErrorCode::kUsage, name_of(app, command), "there is no option " + flag,
               near.empty() ? help_hint(app, command) : "did you mean --" + near + "?");
}

// The parser keeps words that it could not use; the first flag among them is the likely mistake.
Error unexpected_words(const std::vector<std::string>& words, const CLI::App& app,
                       const CLI::App& command) {
  const auto flag = std::ranges::find_if(words, is_flag);
  if (flag != words.end()) return unknown_option(*flag, app, command);
  const bool takes_some =
      !command.get_options([](const CLI::Option* option) { return option->get_positional(); })
           .empty();
  return Error(ErrorCode::kUsage, name_of(app, command),
               "\"" + words.front() + "\" is one argument too many",
               takes_some ? usage_of(command) : help_hint(app, command));
}

// ---- Values ------------------------------------------------------------------------------------

// "0.000100" as the parser writes it: 0.0001.
std::string plain_number(std::string number) {
  if (number.find('.') == std::string::npos) return number;
  number.erase(number.find_last_not_of('0') + 1);
  if (number.ends_with('.')) number.pop_back();
  return number;
}

bool is_number(const std::string& text) {
  double value = 0;
  return CLI::detail::lexical_cast(text, value);
}

std::string needs_value(const CLI::Option& option) {
  return option.get_name() + " " + value_name(option);
}

Error missing_value(const CLI::Option& option) {
  return Error(ErrorCode::kUsage, option.get_name(), "needs a value", needs_value(option));
}

// "Value 0 not in range 1 to 1024".
Error out_of_range(const std::string& name, const std::string& value, const std::string& low,
                   const std::string& high) {
  const std::string span = "use " + plain_number(low) + " … " + plain_number(high);
  if (value.starts_with('-') && !is_number(value)) {  // the next option
    return Error(ErrorCode::kUsage, name, "needs a value", span);
  }
  const bool whole = low.find('.') == std::string::npos;
  const bool fits = is_number(value) && (!whole || value.find_first_of(".eE") == value.npos);
  return Error(ErrorCode::kUsage, name,
               fits    ? value + " is out of range"
               : whole ? "\"" + value + "\" is not a whole number"
                       : "\"" + value + "\" is not a number",
               span);
}

// `fault`: what a check said, the parser's own or one of ours, with its hint after a colon.
Error bad_value(const std::string& name, const std::string& fault) {
  std::smatch part;
  static const std::regex range("Value ([^]*) not in range (\\S+) to (\\S+)");
  static const std::regex word("([^]*) not in \\{(.*)\\}");
  if (std::regex_match(fault, part, range)) return out_of_range(name, part[1], part[2], part[3]);
  if (std::regex_match(fault, part, word)) {
    return Error(ErrorCode::kUsage, name, "\"" + part[1].str() + "\" is unknown",
                 "use one of " + std::regex_replace(part[2].str(), std::regex(","), ", "));
  }
  const auto [what, hint] = split_at(fault, ": ");
  return Error(ErrorCode::kUsage, name, what, hint);
}

Error bad_count(const std::string& text, const CLI::App& app, const CLI::App& command) {
  const std::string name = text.substr(0, text.find(": "));
  const CLI::Option* const option = option_named(app, command, name);
  if (option == nullptr) return Error(ErrorCode::kUsage, "", text, help_hint(app, command));
  if (option->results().size() > 1) {
    return Error(ErrorCode::kUsage, name,
                 "is given " + std::to_string(option->results().size()) + " times", "give it once");
  }
  return missing_value(*option);
}

// "Could not convert: --lr = abc".
Error bad_conversion(const std::string& text, const CLI::App& app, const CLI::App& command) {
  const auto [name, value] = split_at(text.substr(std::min(text.find("--"), text.size())), " = ");
  const CLI::Option* const option = option_named(app, command, name);
  if (option == nullptr) return Error(ErrorCode::kUsage, "", text, help_hint(app, command));
  if (option->get_items_expected_max() == 0) {
    return Error(ErrorCode::kUsage, name, "takes no value", "omit \"=" + value + "\"");
  }
  return Error(ErrorCode::kUsage, name, "\"" + value + "\" is not a number", needs_value(*option));
}

// ---- What is missing ---------------------------------------------------------------------------

Error missing_argument(const std::string& text, CLI::App& app, CLI::App& command) {
  if (text.starts_with("A subcommand")) {
    std::string names;
    for (const CLI::App* one : commands_of(command)) {
      names += (names.empty() ? "" : ", ") + one->get_name();
    }
    return Error(ErrorCode::kUsage, name_of(app, command), "the command is missing",
                 "one of " + names);
  }
  return Error(ErrorCode::kUsage, name_of(app, command),
               split_at(text, " is required").first + " is missing", usage_of(command));
}

template <typename Kind>
bool is(const CLI::ParseError& error) {
  return dynamic_cast<const Kind*>(&error) != nullptr;
}

}  // namespace

CLI::App* named_command(CLI::App& app, const std::vector<std::string>& words) {
  CLI::App* command = &app;
  bool is_value = false;  // of the preceding flag
  for (const std::string& word : words) {
    if (std::exchange(is_value, false)) continue;
    if (word.starts_with("-")) {
      const CLI::Option* const flag = option_named(app, *command, word);
      is_value = flag != nullptr && flag->get_items_expected_max() > 0;
      continue;
    }
    if (commands_of(*command).empty()) break;
    command = find_command(*command, word);
  }
  return command;
}

Error usage_error(const CLI::ParseError& error, CLI::App& app,
                  const std::vector<std::string>& words) {
  CLI::App& command = *named_command(app, words);
  const std::string text = error.what();
  const std::vector<std::string> unused = app.remaining(true);
  // A mistyped flag also explains what is missing.
  const bool explains = is<CLI::RequiredError>(error) && std::ranges::any_of(unused, is_flag);
  if (!unused.empty() && (explains || is<CLI::ExtrasError>(error))) {
    return unexpected_words(unused, app, command);
  }
  if (is<CLI::RequiredError>(error)) return missing_argument(text, app, command);
  if (is<CLI::ArgumentMismatch>(error)) return bad_count(text, app, command);
  if (is<CLI::ConversionError>(error)) return bad_conversion(text, app, command);
  if (is<CLI::ValidationError>(error)) {
    const auto [name, fault] = split_at(text, ": ");
    return bad_value(name, fault);
  }
  if (is<CLI::RequiresError>(error)) {
    const auto [name, other] = split_at(text, " requires ");
    return Error(ErrorCode::kUsage, name, "has no effect without " + other,
                 "add " + other + ", or omit " + name);
  }
  if (is<CLI::ExcludesError>(error)) {
    const auto [name, other] = split_at(text, " excludes ");
    return Error(ErrorCode::kUsage, name, "cannot be combined with " + other, "omit one of them");
  }
  return Error(ErrorCode::kUsage, name_of(app, command), text, help_hint(app, command));
}

}  // namespace oko::cli
