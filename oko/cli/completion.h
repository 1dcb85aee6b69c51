#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace oko::cli {

// One flag as completion needs it.
struct FlagEntry {
  std::vector<std::string> names;  // "-o", "--out"
  std::string help;
  bool takes_value = false;
  bool completes_files = false;
  std::vector<std::string> choices;  // of its value
};

// One command as completion needs it; the root first, then depth first.
struct CommandEntry {
  std::vector<std::string> path;  // "data", "check"; empty for the root
  std::string help;
  std::vector<std::string> words;  // subcommands, or the fixed choices of its argument
  std::vector<FlagEntry> flags;    // its own and those of its parent commands
  bool completes_files = false;    // its arguments are files
};

std::vector<CommandEntry> command_table(const CLI::App& app);

// Completion scripts for the three shells.
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

}  // namespace oko::cli
