#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "oko/cli/cli.h"
#include "oko/graph/network.h"

namespace oko::cli {

// What a command takes to name a model.
struct ModelArguments {
  std::string path;     // .oko, a run folder, or a Darknet .cfg
  std::string weights;  // Darknet .weights beside a .cfg
  std::string names;    // class names, one a line
};

// Adds MODEL, --weights and --names.
void add_model_arguments(CLI::App& command, ModelArguments& model);

// Reads a model: an .oko file, the model.oko of a run folder, or a Darknet .cfg with the weights
// given beside it (without them the network has none). `names` sets the class names; their number
// must be the network's. Throws input Errors, and a usage Error for a file of another kind.
graph::Network load_model(const std::string& path, const std::string& weights,
                          const std::string& names);
graph::Network load_model(const ModelArguments& model);

// Lines of a names file: one a line, blank lines at the end left out.
std::vector<std::string> read_names(const std::string& uri);

// Names the network's classes by such a file; an input Error where their numbers differ.
void set_names(graph::Network& network, const std::string& uri);

// "416x416" or "416" as a size; a usage Error where it is neither.
image::Size parse_size(const std::string& text);

}  // namespace oko::cli
