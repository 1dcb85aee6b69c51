#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/formats/family.h"
#include "oko/graph/network.h"

namespace oko::formats {

// What other formats cannot store (heads with their anchors, class names, preprocessing, origin),
// as JSON text. Writers put it into the format's free-form metadata, if any, under kDescriptionKey;
// readers find it there.
inline constexpr const char* kDescriptionKey = "oko";
std::string describe(const graph::Network& network);

// Throws an input Error at `place` for a name that is not UTF-8, which JSON cannot hold.
void check_utf8(const std::string& name, const std::string& place);

// Name of the model's one input, and of the raw output tensor of network.outputs()[i]: "head_13x13"
// (rows x columns; "head_13x13_2" for a second one); without heads "output", or the names of
// network.raw_outputs reduced to letters, digits and _. They are unique, and none is the input's or
// a layer's.
inline constexpr const char* kInputName = "image";
std::vector<std::string> output_names(const graph::Network& network);

// What the channels of a head's map are, for descriptions of outputs.
std::string values_of_head(const graph::Operation& head);

// An operation of a file after the network's outputs, which was dropped.
struct DroppedNode {
  std::string place, kind;  // "model.onnx: Sigmoid_7 (Sigmoid)", "Sigmoid"
};

// The function that a part of an output has passed, of which a head wants the raw values.
enum class Passed { kNothing, kSigmoid, kSoftmax };

// Channels of an output as the file has it, which a head reads before such a function: a sigmoid of
// each, or a softmax over all of them.
struct HeadPart {
  std::string key;  // of the file's output
  std::vector<int> channels;
  Passed passed = Passed::kNothing;
};

// For Imported::tail_rounding: several roundings follow each other.
inline constexpr float kHalfRounding = .002F, kByteRounding = .03F;

// A network read from another format. Shapes are inferred, weights are complete.
struct Imported {
  graph::Network network;
  std::vector<int> outputs;  // output layers, each once, in the file's order
  // What the file calls each of them, and the key by which a program finds it (a name, a number).
  std::vector<std::string> names{}, keys{};
  // What a user should know: what was dropped, split up or assumed.
  std::vector<std::string> notes{};
  std::vector<DroppedNode> dropped{};
  // Computes that for values of `outputs`, each planar: the tensors that the file makes of them,
  // its own outputs first. Null if it computes nothing or oko cannot.
  std::function<std::vector<graph::Tensor>(const std::vector<std::vector<float>>&)> tail{};
  // How far its constants may be off by rounding to float16 or bytes, as parts of their range.
  float tail_rounding = 0;
  bool described = false;              // by oko, which wrote it: without heads it has none
  bool defines_preprocessing = false;  // the file says how images become its input
  bool defines_range = false;          // it says at least the mean and scale of preprocessing
  std::vector<std::string> labels{};   // names of classes, maybe with one of the background
  // Where the file has the values of each of `outputs`, in the order of their channels: set for
  // heads that were recognized, which have no keys of their own.
  std::vector<std::vector<HeadPart>> parts{};
};

// Makes these outputs the network's raw outputs if it has no heads. To be called last.
void set_raw_outputs(Imported& imported);

// Adds the heads of a description, each after its layer in `outputs`, and its names, preprocessing
// and origin to the network. Throws an input Error at `place` where they do not fit, and at the
// layer for an output that comes from a sigmoid or a softmax.
void apply_description(Imported& imported, std::string_view description, const std::string& place);

// What a user says about heads that a file does not describe.
struct HeadOptions {
  std::vector<graph::Anchor> anchors;  // of all heads, pixels of the network's input
  // Which of the anchors each output uses. Empty: the same number each, the coarsest output the
  // last ones, as in every published YOLOv3, with a note.
  std::vector<std::vector<int>> masks{};
  // How boxes are decoded, if the user says so: with anchors as YOLOv3 (which is assumed), YOLOv5
  // or Yolo-FastestV2, without them as the family that the file is of, whose parts its outputs must
  // have. A network with SiLU (swish) or YOLOv5's first layer is otherwise refused: YOLOv5 and its
  // successors use them, and they decode the same tensors in another way. So is a file that goes on
  // to compute with its outputs, unless it does so by a sigmoid and an exponential, as YOLOv3 does.
  std::optional<Family> decoding{};
};

// Throws an input Error where heads on these outputs would give nonsense boxes: an output is not a
// convolution's raw output (but follows a sigmoid, a softmax, a concatenation, …), or it is unknown
// how boxes are decoded.
void check_head_outputs(const Imported& imported, bool decoding_given);

// Adds a yolo head after every output. The class count follows from the channels. Throws what
// check_head_outputs() throws, an input Error where anchors and channels do not fit, and a usage
// Error for a decoding without anchors.
void add_heads(Imported& imported, const HeadOptions& options);

// For outputs of these widths: the same number of anchors for each, the last ones for the coarsest.
std::vector<std::vector<int>> usual_masks(const std::vector<int>& widths, std::size_t anchors);

// This name, or a similar one if a layer has it.
std::string unused_name(const graph::Network& network, std::string name);

// Adds one of these heads after every output, in the order of imported.outputs.
void add_heads(Imported& imported, const std::vector<graph::Operation>& heads);

// Whether what the file does after its outputs only moves values, but for sigmoids and, if
// `softmax`, softmaxes.
bool only_moves_values(const Imported& imported, bool softmax = false);

// The network without its heads: the maps before them are its outputs, under their output_names().
graph::Network remove_heads(const graph::Network& network);

// "10,13, 16,30, 33,23": pairs of width and height on one or more lines, as keras-yolo3 keeps them.
// Throws an input Error with "name:line".
std::vector<graph::Anchor> read_anchors(std::string_view text, const std::string& name);

}  // namespace oko::formats
