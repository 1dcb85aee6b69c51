#pragma once

#include <CLI/CLI.hpp>

#include "oko/cli/cli.h"
#include "oko/cli/secret.h"

// The commands of `oko seal`: one file for those that make keys, those that make and open sealed
// models, those that publish and fetch them, and those that mark copies.
namespace oko::cli {

void add_seal_keygen(CLI::App& seal, Context& context);
void add_seal_recipients(CLI::App& seal, Context& context);

void add_seal_mark(CLI::App& seal, Context& context);
void add_seal_trace(CLI::App& seal, Context& context);

void add_seal_pack(CLI::App& seal, Context& context);
void add_seal_open(CLI::App& seal, Context& context);
void add_seal_verify(CLI::App& seal, Context& context);
void add_seal_rotate(CLI::App& seal, Context& context);

void add_seal_publish(CLI::App& seal, Context& context);
void add_seal_update(CLI::App& seal, Context& context);

}  // namespace oko::cli
