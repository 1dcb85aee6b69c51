#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "oko/cli/cli.h"
#include "oko/cli/sealed.h"
#include "oko/graph/compact.h"
#include "oko/graph/network.h"

namespace oko::cli {

// The arguments that name a model.
struct ModelArguments {
  std::string path;     // anything convert::open_model() opens
  std::string weights;  // its second file, if it is in two
  std::string names;    // class names, one per line
  // The model whose heads, class names and preprocessing it gets, if its file has none.
  std::string heads_from{};
  KeyArguments keys{};  // of a sealed model
};

// Adds MODEL, --weights, --names, --heads-from and what opens a sealed model.
void add_model_arguments(CLI::App& command, ModelArguments& model);
void add_heads_from(CLI::App& command, std::string& heads_from);

// Reads a model of any format; `weights` is its companion file. `names` sets the class names; their
// number must match the network. The network has no heads if the file does not define them. Throws
// input Errors, and a usage Error for a file of another kind. Notes for the user on how it was read
// go to `notes`. `size` is in the format of parse_size(); empty: the file's own.
graph::Network load_model(const ModelArguments& model, std::vector<std::string>* notes = nullptr,
                          const std::string& size = {});

// The same, and prints what the reader had to infer: whether images are letterboxed (Darknet).
graph::Network load_model(const ModelArguments& model, const std::string& size,
                          const Context& context);

// The lines of a names file, without blank lines at the end.
std::vector<std::string> read_names(const std::string& uri);

// Names the network's classes from such a file; throws an input Error if the counts differ.
void set_names(graph::Network& network, const std::string& uri);

// Parses "416x416" or "416", the value of an option; throws a usage Error for anything else.
image::Size parse_size(const std::string& text, const char* option = "--size");

// A built-in network; an empty size and 0 classes mean its defaults.
graph::Network builtin_network(const std::string& name, const std::string& size, int classes = 0);

// How images are fed to the network: "letterbox, RGB, values from 0 to 1".
std::string preprocess_text(const image::Preprocess& preprocess);
Json preprocess_json(const image::Preprocess& preprocess);

// How overlap is measured during suppression: "IoU", or "DIoU, exponent 0.6".
std::string overlap_text(const graph::Network& network);

}  // namespace oko::cli
