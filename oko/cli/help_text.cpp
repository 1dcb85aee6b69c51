#include <algorithm>
#include <array>
#include <regex>
#include <vector>

#include "oko/cli/cli.h"

namespace oko::cli {
namespace {

constexpr std::size_t kColumns = 80, kLeftColumn = 28;

// Number of UTF-8 characters, each counted as one column.
std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// Appends the words of `text` and ends the line. The first line begins at column `at`, the others
// at `indent`; none exceeds kColumns unless a single word does.
void append_wrapped(std::string& out, std::string_view text, std::size_t at, std::size_t indent) {
  bool first = true;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find_first_of(" \n"), text.size());
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    if (word.empty()) continue;
    if (!first && at + 1 + columns_of(word) > kColumns) {
      out += '\n' + std::string(indent, ' ');
      at = indent;
    } else if (!first) {
      out += ' ';
      ++at;
    }
    out += word;
    at += columns_of(word);
    first = false;
  }
  out += '\n';
}

void append_row(std::string& out, const std::string& left, const std::string& text) {
  out += "  " + left;
  std::size_t at = 2 + columns_of(left);
  if (at + 2 > kLeftColumn) {
    out += '\n';
    at = 0;
  }
  out += std::string(kLeftColumn - at, ' ');
  append_wrapped(out, text, kLeftColumn, kLeftColumn);
}

// Paragraphs are wrapped; lines that begin with a space (examples) are kept as they are.
void append_paragraphs(std::string& out, std::string_view text) {
  std::string paragraph;
  const auto end_paragraph = [&] {
    if (!paragraph.empty()) append_wrapped(out, paragraph, 0, 0);
    paragraph.clear();
  };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == ' ') {
      end_paragraph();
      out += std::string(line) + '\n';
    } else {
      paragraph += std::string(line) + ' ';
      if (line.ends_with(':')) end_paragraph();
    }
  }
  end_paragraph();
}

// CLI11 keeps the name, the range and the choices of a value in one text: "SCORE:FLOAT in [0 - 1]",
// "TEXT:{auto,oko,torch}". The name may have a colon too: "CLAIM:PATH".
struct ValueText {
  std::string name, choices;
};

ValueText value_text(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return {};
  const std::string type = option.get_type_name();
  static const std::regex rest(":(\\{|[A-Z]+ in \\[)");
  std::smatch found;
  const bool has_rest = std::regex_search(type, found, rest);
  ValueText value{has_rest ? found.prefix().str() : type, {}};
  const std::size_t open = type.find('{'), close = type.rfind('}');
  if (open != type.npos && close != type.npos) {
    value.choices = type.substr(open + 1, close - open - 1);
    constexpr std::size_t kLongest = 40;  // more are written so that lines can break between them
    const bool is_long = value.choices.size() > kLongest;
    for (std::size_t at = 0; (at = value.choices.find(',', at)) != value.choices.npos; ++at) {
      value.choices.replace(at, 1, is_long ? " | " : "|");
    }
  }
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kPlain{
      {{"INT", "N"}, {"UINT", "N"}, {"FLOAT", "X"}, {"", "NAME"}}};
  for (const auto& [from, to] : kPlain) {
    if (value.name == from) value.name = to;
  }
  return value;
}

std::string flag_text(const CLI::Option& option) {
  std::string text;
  for (const std::string& name : option.get_snames()) text += (text.empty() ? "-" : ", -") + name;
  for (const std::string& name : option.get_lnames()) text += (text.empty() ? "--" : ", --") + name;
  const std::string value = value_text(option).name;
  return value.empty() ? text : text + ' ' + value;
}

std::string positional_text(const CLI::Option& option) {
  const bool many = option.get_items_expected_max() >= CLI::detail::expected_max_vector_size;
  return option.get_name(true, false) + (many ? "..." : "");
}

// The description, then in brackets the choices, the flags it needs and the default.
std::string description_of(const CLI::Option& option, bool is_positional) {
  std::vector<std::string> facts;
  if (const std::string choices = value_text(option).choices; !choices.empty()) {
    facts.push_back(choices);
  }
  for (const CLI::Option* needed : option.get_needs())
    facts.push_back("with " + needed->get_name());
  if (option.get_items_expected_max() > 0 && !option.get_default_str().empty()) {
    facts.push_back("default: " + option.get_default_str());
  }
  if (!is_positional && option.get_required()) facts.push_back("required");
  std::string text = option.get_description();
  for (std::size_t i = 0; i < facts.size(); ++i) text += (i == 0 ? " [" : "; ") + facts[i];
  return facts.empty() ? text : text + ']';
}

using Options = std::vector<const CLI::Option*>;

Options positionals_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->get_positional(); });
}

Options flags_of(const CLI::App& app, const std::string& group) {
  return app.get_options([&](const CLI::Option* option) {
    return option->nonpositional() && option->get_group() == group;
  });
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string full_name(const CLI::App& command) {
  std::string name = command.get_name();
  for (const CLI::App* up = command.get_parent(); up != nullptr; up = up->get_parent()) {
    name = up->get_name() + " " + name;
  }
  return name;
}

void append_usage(std::string& out, const CLI::App& app) {
  const std::string command = commands_of(app).empty() ? "" : " COMMAND";
  append_wrapped(out, "Usage: " + usage_of(app) + command + " [OPTIONS]", 0, 7);
}

void append_options(std::string& out, const CLI::App& app) {
  if (const Options positionals = positionals_of(app); !positionals.empty()) {
    out += "\nArguments:\n";
    for (const CLI::Option* option : positionals) {
      append_row(out, positional_text(*option), description_of(*option, true));
    }
  }
  for (const std::string& group : app.get_groups()) {
    const Options flags = flags_of(app, group);
    if (group.empty() || flags.empty()) continue;
    out += '\n' + group + ":\n";
    for (const CLI::Option* option : flags) {
      append_row(out, flag_text(*option), description_of(*option, false));
    }
  }
}

void append_commands(std::string& out, const CLI::App& app) {
  const auto commands = commands_of(app);
  if (commands.empty()) return;
  out += "\nCommands:\n";
  for (const CLI::App* command : commands) {
    append_row(out, command->get_name(), command->get_description());
  }
}

}  // namespace

std::string value_name(const CLI::Option& option) { return value_text(option).name; }

std::string usage_of(const CLI::App& app) {
  std::string usage = full_name(app);
  for (const CLI::Option* option : positionals_of(app)) {
    const std::string name = positional_text(*option);
    usage += option->get_required() ? " " + name : " [" + name + "]";
  }
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_required() && !option->get_positional()) {
      const std::string text = flag_text(*option);
      usage += " " + text.substr(text.find("--"));
    }
  }
  return usage;
}

std::string help_of(const CLI::App& app) {
  std::string out;
  append_wrapped(out, app.get_description(), 0, 0);
  out += '\n';
  append_usage(out, app);
  append_commands(out, app);
  append_options(out, app);
  const bool is_root = app.get_parent() == nullptr;
  if (!commands_of(app).empty()) {
    const std::string name = full_name(app);
    const std::string asks = is_root ? name + " help" : "oko help" + name.substr(name.find(' '));
    out += '\n' + asks + " COMMAND shows the options of a command, with examples.\n";
  }
  const std::string footer = app.get_footer();
  const bool inherited = !is_root && footer == app.get_parent()->get_footer();
  const std::size_t begin = footer.find_first_not_of('\n');
  if (!inherited && begin != footer.npos) {
    out += '\n';
    append_paragraphs(out, std::string_view(footer).substr(begin));
  }
  if (!is_root) out += "\nOptions of every command: oko help\n";
  return out;
}

}  // namespace oko::cli
