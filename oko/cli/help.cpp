#include <iostream>
#include <vector>

#include "oko/cli/cli.h"

namespace oko::cli {

void add_help_command(CLI::App& app, Context&) {
  CLI::App* command = app.add_subcommand("help", "Show the options of a command, with examples");
  const auto words = std::make_shared<std::vector<std::string>>();
  command->add_option("COMMAND", *words, "The command, for example: data check")->type_name("");
  command->footer("\nExamples:\n  oko help train\n  oko help data check");
  command->callback([&app, words] {
    CLI::App* described = &app;
    for (const std::string& word : *words) described = find_command(*described, word);
    std::cout << help_of(*described);
  });
}

}  // namespace oko::cli
