#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "oko/cli/completion.h"

// Each script first finds the command that the words so far name ("oko data check"), then looks up
// what may come next.
namespace oko::cli {
namespace {

std::string full_name(const CommandEntry& command) {
  return command.path.empty() ? "oko" : fmt::format("oko {}", fmt::join(command.path, " "));
}

// "oko data"|"oko data check"|…: every command below the root, as patterns of a case.
std::string command_patterns(const std::vector<CommandEntry>& table, const char* separator) {
  std::string patterns;
  for (const CommandEntry& command : table) {
    if (command.path.empty()) continue;
    patterns += fmt::format("{}\"{}\"", patterns.empty() ? "" : separator, full_name(command));
  }
  return patterns;
}

std::string single_quoted(const std::string& text, const char* quote) {
  std::string result = "'";
  for (const char c : text) c == '\'' ? result += quote : result += c;
  return result + "'";
}

std::string all_flags(const CommandEntry& command) {
  std::string text;
  for (const FlagEntry& flag : command.flags) {
    for (const std::string& name : flag.names) text += (text.empty() ? "" : " ") + name;
  }
  return text;
}

// "oko eval --report"|…: the flags of a command, each after its command, as patterns of a case.
std::string flag_patterns(const CommandEntry& command, const FlagEntry& flag) {
  std::string patterns;
  for (const std::string& name : flag.names) {
    patterns += fmt::format("{}\"{} {}\"", patterns.empty() ? "" : "|", full_name(command), name);
  }
  return patterns;
}

const char* yes_no(bool value) { return value ? "yes" : "no"; }

// A name and its help as zsh's _describe takes them.
std::string described(const std::string& name, const std::string& help) {
  std::string escaped;
  for (const char c : name) escaped += c == ':' ? std::string("\\:") : std::string(1, c);
  return single_quoted(escaped + ":" + help, "'\\''");
}

const CommandEntry* find(const std::vector<CommandEntry>& table, std::vector<std::string> path,
                         const std::string& word) {
  path.push_back(word);
  const auto it = std::find_if(table.begin(), table.end(),
                               [&](const CommandEntry& entry) { return entry.path == path; });
  return it == table.end() ? nullptr : &*it;
}

std::string help_of_word(const std::vector<CommandEntry>& table, const CommandEntry& command,
                         const std::string& word) {
  const CommandEntry* below = find(table, command.path, word);
  if (below == nullptr) below = find(table, {}, word);  // the words of "help"
  return below == nullptr ? "" : below->help;
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  const auto table = command_table(app);
  std::string script =
      "# bash completion of oko\n_oko() {\n"
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
      "  local command=oko word words= flags= files=no\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n    case \"$command $word\" in\n     "
      " " +
      command_patterns(table, "|") +
      ") command=\"$command $word\" ;;\n    esac\n  done\n  case \"$command\" in\n";
  std::string values;
  for (const CommandEntry& command : table) {
    script += fmt::format("    \"{}\") words=\"{}\" flags=\"{}\" files={} ;;\n", full_name(command),
                          fmt::join(command.words, " "), all_flags(command),
                          yes_no(command.completes_files));
    for (const FlagEntry& flag : command.flags) {
      if (!flag.takes_value) continue;
      values +=
          fmt::format("    {}) words=\"{}\" flags= files={} ;;\n", flag_patterns(command, flag),
                      fmt::join(flag.choices, " "), yes_no(flag.completes_files));
    }
  }
  return script + "  esac\n  case \"$command $before\" in\n" + values +
         "  esac\n"
         "  if [[ $current == -* ]]; then words=$flags files=no; fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "  if [[ $files == yes ]]; then compopt -o default 2>/dev/null; fi\n"
         "  return 0\n}\ncomplete -F _oko oko\n";
}

std::string zsh_completion(const CLI::App& app) {
  const auto table = command_table(app);
  std::string script =
      "#compdef oko\n_oko() {\n"
      "  local current=\"$words[CURRENT]\" before=\"$words[CURRENT-1]\" command=oko word files=no\n"
      "  local -a choices flags\n"
      "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n    case \"$command $word\" in\n      (" +
      command_patterns(table, "|") +
      ") command=\"$command $word\" ;;\n    esac\n  done\n  case \"$command\" in\n";
  std::string values;
  for (const CommandEntry& command : table) {
    std::string choices, flags;
    for (const std::string& word : command.words) {
      choices += " " + described(word, help_of_word(table, command, word));
    }
    for (const FlagEntry& flag : command.flags) {
      for (const std::string& name : flag.names) flags += " " + described(name, flag.help);
      if (!flag.takes_value) continue;
      values +=
          fmt::format("    ({}) choices=({}) flags=() files={} ;;\n", flag_patterns(command, flag),
                      fmt::join(flag.choices, " "), yes_no(flag.completes_files));
    }
    script += fmt::format("    (\"{}\") choices=({} ) flags=({} ) files={} ;;\n",
                          full_name(command), choices, flags, yes_no(command.completes_files));
  }
  return script + "  esac\n  case \"$command $before\" in\n" + values +
         "  esac\n"
         "  if [[ $current == -* ]]; then\n    _describe -o flag flags\n  else\n"
         "    (( $#choices )) && _describe word choices\n"
         "    [[ $files == yes ]] && _files\n  fi\n  return 0\n}\n"
         "if [[ \"$funcstack[1]\" == _oko ]]; then _oko \"$@\"; else compdef _oko oko; fi\n";
}

std::string fish_completion(const CLI::App& app) {
  const auto table = command_table(app);
  std::string script =
      "# fish completion of oko\nfunction __oko_command\n  set -l command oko\n"
      "  for word in (commandline -opc)[2..-1]\n    switch \"$command $word\"\n      case " +
      command_patterns(table, " ") +
      "\n        set command \"$command $word\"\n    end\n  end\n  echo $command\nend\n"
      "complete -c oko -f\n";
  for (const CommandEntry& command : table) {
    const std::string start =
        fmt::format("complete -c oko -n 'test (__oko_command) = \"{}\"'", full_name(command));
    for (const std::string& word : command.words) {
      script += fmt::format("{} -a {} -d {}\n", start, word,
                            single_quoted(help_of_word(table, command, word), "\\'"));
    }
    if (command.completes_files) script += start + " -F\n";
    for (const FlagEntry& flag : command.flags) {
      script += start;
      for (const std::string& name : flag.names) {
        script += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (flag.takes_value) script += flag.completes_files ? " -r -F" : " -x";
      if (!flag.choices.empty()) script += fmt::format(" -a '{}'", fmt::join(flag.choices, " "));
      script += " -d " + single_quoted(flag.help, "\\'") + "\n";
    }
  }
  return script;
}

}  // namespace oko::cli
