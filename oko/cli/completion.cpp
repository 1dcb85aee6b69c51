#include "oko/cli/completion.h"

#include <algorithm>
#include <array>
#include <iostream>

#include "oko/cli/choice.h"
#include "oko/cli/cli.h"

namespace oko::cli {
namespace {

std::vector<const CLI::App*> subcommands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// The choices of a value, which appear in the type name: "TEXT:{voc,coco}".
std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto open = type.find('{'), close = type.find('}');
  if (open == std::string::npos || close == std::string::npos) return {};
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

bool names_a_file(const CLI::Option& option) {
  constexpr std::array<std::string_view, 4> kTypes = {"FILE", "FOLDER", "DIR", "DATASET"};
  const std::string type = option.get_type_name();
  return std::ranges::any_of(kTypes, [&](auto known) { return type.find(known) != type.npos; });
}

FlagEntry flag_entry(const CLI::Option& option) {
  FlagEntry flag;
  for (const std::string& name : option.get_snames()) flag.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) flag.names.push_back("--" + name);
  flag.help = option.get_description();
  flag.takes_value = option.get_items_expected_max() > 0;
  flag.choices = choices_of(option);
  flag.completes_files = flag.takes_value && names_a_file(option);
  return flag;
}

void add_command(const CLI::App& app, CommandEntry entry, std::vector<CommandEntry>& table) {
  entry.words.clear();
  entry.completes_files = false;
  entry.help = app.get_description();
  for (const CLI::App* below : subcommands_of(app)) entry.words.push_back(below->get_name());
  for (const CLI::Option* option : app.get_options()) {
    if (option->nonpositional()) {
      // Of the parents' flags only the global ones apply to subcommands; every command has --help.
      const bool known = std::any_of(entry.flags.begin(), entry.flags.end(), [&](const auto& flag) {
        return flag.names == flag_entry(*option).names;
      });
      if (!known) entry.flags.push_back(flag_entry(*option));
    } else {
      const auto choices = choices_of(*option);
      entry.words.insert(entry.words.end(), choices.begin(), choices.end());
      entry.completes_files |= choices.empty() && option->get_name() != "COMMAND";
    }
  }
  table.push_back(entry);
  for (const CLI::App* below : subcommands_of(app)) {
    CommandEntry next = entry;
    next.path.push_back(below->get_name());
    add_command(*below, std::move(next), table);
  }
}

}  // namespace

std::vector<CommandEntry> command_table(const CLI::App& app) {
  std::vector<CommandEntry> table;
  add_command(app, {}, table);
  for (CommandEntry& entry : table) {
    if (entry.path == std::vector<std::string>{"help"}) entry.words = table.front().words;
  }
  return table;
}

void add_completion_command(CLI::App& app, Context&) {
  CLI::App* command = app.add_subcommand("completion", "Print a completion script for a shell");
  const auto shell = std::make_shared<std::string>();
  add_choice(*command, "SHELL", *shell, "Shell to complete in", {"bash", "zsh", "fish"})
      ->required();
  command->footer(R"(
Examples:
  oko completion bash > ~/.local/share/bash-completion/completions/oko
  oko completion zsh  > ~/.zfunc/_oko          (a folder in your fpath)
  oko completion fish > ~/.config/fish/completions/oko.fish)");
  command->callback([&app, shell] {
    std::cout << (*shell == "bash"  ? bash_completion(app)
                  : *shell == "zsh" ? zsh_completion(app)
                                    : fish_completion(app));
  });
}

}  // namespace oko::cli
