#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/convert/model_files.h"
#include "oko/formats/heads.h"
#include "oko/graph/network.h"

namespace oko::convert {

// What the user tells that a file may not.
struct ReadOptions {
  // The network of a file that holds weights alone, and the file it came from, for messages.
  std::optional<graph::Network> network;
  std::optional<image::Size> size;  // of the input, also in place of the file's own
  formats::HeadOptions heads;       // anchors empty: none told
  // Or the whole, as formats::describe() tells it of a network that the file was made from.
  std::string description;
};

struct ReadModel {
  graph::Network network;
  std::vector<std::string> notes{};  // what a user should know of how it was read
  std::uint64_t pictures_seen = 0;   // in training, where the file tells (Darknet)
  // Maps leave the network that look like heads, but nothing tells their anchors.
  bool lacks_heads = false;
  std::optional<Error> no_heads_why{};  // where it lacks heads and anchors alone give it none
  // What a program finds the network's outputs by in the file (an ONNX tensor's name, a TensorFlow
  // Lite tensor's number), in network.outputs() order.
  std::vector<std::string> output_keys{};
  bool has_told_heads = false;  // made of ReadOptions::heads
};

// Reads a model of any format. Throws input Errors with the file's place, and a usage Error for
// options that the file leaves no use for: what a user says is never passed over.
ReadModel read_model(const ModelFiles& model, const ReadOptions& options = {});

}  // namespace oko::convert
