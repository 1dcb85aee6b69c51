#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "oko/cli/cli.h"
#include "oko/graph/compact.h"
#include "oko/graph/network.h"

namespace oko::cli {

// What a command takes to name a model.
struct ModelArguments {
  std::string path;     // what convert::open_model() opens
  std::string weights;  // Darknet .weights beside a .cfg, ncnn .bin beside a .param
  std::string names;    // class names, one a line
};

// Adds MODEL, --weights and --names.
void add_model_arguments(CLI::App& command, ModelArguments& model);

// Reads a model of any format, `weights` being the file that goes with it. `names` sets the class
// names; their number must be the network's. The network has no heads where nothing in the file
// tells them. Throws input Errors, and a usage Error for a file of another kind.
// What a user should know of how it was read goes to `notes`. `size` is as parse_size() reads it;
// empty: the file's own.
graph::Network load_model(const ModelArguments& model, std::vector<std::string>* notes = nullptr,
                          const std::string& size = {});

// The same, saying what it decided of a Darknet .cfg: whether images are letterboxed.
graph::Network load_model(const ModelArguments& model, const std::string& size,
                          const Context& context);

// Lines of a names file: one a line, blank lines at the end left out.
std::vector<std::string> read_names(const std::string& uri);

// Names the network's classes by such a file; an input Error where their numbers differ.
void set_names(graph::Network& network, const std::string& uri);

// "416x416" or "416" as a size; a usage Error where it is neither.
image::Size parse_size(const std::string& text);

// A built-in network; an empty size and 0 classes stand for its usual ones.
graph::Network builtin_network(const std::string& name, const std::string& size, int classes = 0);

// How images are put into the network: "letterbox, RGB, numbers from 0 to 1".
std::string preprocess_text(const image::Preprocess& preprocess);
Json preprocess_json(const image::Preprocess& preprocess);

// How boxes of one object are known to be that: "IoU", or "DIoU, exponent 0.6".
std::string overlap_text(const graph::Network& network);

// "fp32", "fp16" or "int8", which must be one of them.
graph::KernelStorage storage_named(std::string_view name);

}  // namespace oko::cli
