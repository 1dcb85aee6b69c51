#pragma once

#include <CLI/CLI.hpp>

#include "oko/cli/cli.h"
#include "oko/storage/transfer/filter.h"

namespace oko::cli {

void add_filter_arguments(CLI::App& command, storage::Filter& filter);

// Those that move files: cp and sync.
void add_copy_commands(CLI::App& store, Context& context);

}  // namespace oko::cli
