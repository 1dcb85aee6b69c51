#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/graph/network.h"

namespace oko::formats {

// What other formats have no place for (heads with their anchors, class names, preprocessing,
// origin), as JSON text. Writers put it into the format's free metadata, where there is any, under
// kDescriptionKey, and readers take it from there.
inline constexpr const char* kDescriptionKey = "oko";
std::string describe(const graph::Network& network);

// Throws an input Error at `place` for a name that is no UTF-8: such a one fits into no JSON.
void check_utf8(const std::string& name, const std::string& place);

// Name of the model's one input, and of the raw map that output i of network.outputs() leaves it
// by: "head_13x13" (rows x columns; "head_13x13_2" where two are alike); without heads "output", or
// the names of network.raw_outputs with letters, digits and _ alone. No two are alike, and none is
// the input's or a layer's.
inline constexpr const char* kInputName = "image";
std::vector<std::string> output_names(const graph::Network& network);

// An operation of a file behind the network's outputs, which was left out.
struct LeftOut {
  std::string place, kind;  // "model.onnx: Sigmoid_7 (Sigmoid)", "Sigmoid"
};

// A network read from another format. Shapes are inferred, weights are whole.
struct Imported {
  graph::Network network;
  std::vector<int> outputs;  // layers whose maps leave the network, each once, in the file's order
  // What the file calls each of them, and by what a program finds it there (a name, a number).
  std::vector<std::string> names{}, keys{};
  // What a user should know: what was left out, taken apart, assumed.
  std::vector<std::string> notes{};
  std::vector<LeftOut> left_out{};
  bool tells_preprocessing = false;  // the file says how images become its input
};

// Makes the outputs the network's own where it has no heads. To be called last.
void set_raw_outputs(Imported& imported);

// Puts the heads of a description, each behind its map of `outputs`, and its names, preprocessing
// and origin into the network. Throws an input Error at `place` where they do not fit, and at the
// layer for an output that has passed a sigmoid or a softmax.
void apply_description(Imported& imported, std::string_view description, const std::string& place);

// What a user tells about heads that a file does not describe.
struct HeadOptions {
  std::vector<graph::Anchor> anchors;  // of all heads, pixels of the network's input
  // Which of the anchors each output uses. Empty: equally many each, the coarsest map the last
  // ones, as in every published YOLOv3; that is told in `notes`.
  std::vector<std::vector<int>> masks{};
  // The user says that boxes are decoded as YOLOv3 does. A network with SiLU (swish) is otherwise
  // refused: YOLOv5 and its successors use it, and they decode the same tensors in another way. So
  // is a file that goes on to compute with its outputs, unless it does so by a sigmoid and an
  // exponential, as YOLOv3 does.
  bool decoding_told = false;
};

// Throws an input Error where heads behind the outputs would give boxes that are nonsense: an
// output is anything but a convolution's own (after a sigmoid, a softmax, a concatenation, … it is
// not what a head decodes), or nothing tells how boxes are decoded.
void check_head_outputs(const Imported& imported, bool decoding_told);

// Puts a yolo head behind every output. The class count follows from the channels. Throws what
// check_head_outputs() throws, and an input Error where anchors and channels do not fit.
void add_heads(Imported& imported, const HeadOptions& options);

// The network without its heads: the maps before them are its outputs, under their output_names().
graph::Network remove_heads(const graph::Network& network);

// "10,13, 16,30, 33,23": pairs of width and height on one or more lines, as keras-yolo3 keeps them.
// Throws an input Error with "name:line".
std::vector<graph::Anchor> read_anchors(std::string_view text, const std::string& name);

}  // namespace oko::formats
