#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "oko/base/error.h"

namespace oko::cli {

// The command named by the first words, as deep as they go ("data", "check"). Throws a usage Error
// with the nearest name if there is none.
CLI::App* named_command(CLI::App& app, const std::vector<std::string>& words);

// What the parser found wrong with the words, as one of our errors: the option or command, what is
// there, and what would be right.
Error usage_error(const CLI::ParseError& error, CLI::App& app,
                  const std::vector<std::string>& words);

}  // namespace oko::cli
