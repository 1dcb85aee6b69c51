#pragma once

#include <CLI/CLI.hpp>

#include "oko/cli/cli.h"
#include "oko/storage/store.h"
#include "oko/storage/transfer/filter.h"

namespace oko::cli {

void add_filter_arguments(CLI::App& command, storage::Filter& filter);

// Writes part of a file to standard output. False, with the exit code set, if the reader of a pipe
// has gone: then the rest is not read.
bool copy_to_output(const std::string& uri, std::uint64_t offset, std::uint64_t count,
                    Context& context);

// One line on standard error for each.
void print_skipped(const std::vector<storage::Skipped>& skipped);

// The commands that copy files: cp and sync.
void add_copy_commands(CLI::App& store, Context& context);

}  // namespace oko::cli
