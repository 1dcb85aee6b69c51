#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/convert/model_files.h"
#include "oko/formats/heads.h"
#include "oko/graph/network.h"

namespace oko::convert {

// Options for what a file may not contain.
struct ReadOptions {
  // The network of a weights-only file, and the file it came from, for messages.
  std::optional<graph::Network> network;
  std::optional<image::Size> size;  // of the input; overrides the file's own
  formats::HeadOptions heads;       // anchors empty: not given
  // Or the complete description, as formats::describe() writes it for the network that the file was
  // exported from.
  std::string description;
};

struct ReadModel {
  graph::Network network;
  std::vector<std::string> notes{};  // notes for the user on how it was read
  std::uint64_t pictures_seen = 0;   // during training, if the file records it (Darknet)
  // Outputs look like heads, but their anchors are unknown.
  bool lacks_heads = false;
  std::optional<Error> no_heads_why{};  // set if it lacks heads and anchors alone cannot add them
  // The keys of the network's outputs in the file (ONNX tensor names, TensorFlow Lite tensor
  // numbers), in network.outputs() order.
  std::vector<std::string> output_keys{};
  bool has_given_heads = false;  // made from ReadOptions::heads
};

// Reads a model of any format. Throws input Errors with the file's place, and a usage Error for
// options that do not apply to the file: no option is ever ignored.
ReadModel read_model(const ModelFiles& model, const ReadOptions& options = {});

}  // namespace oko::convert
