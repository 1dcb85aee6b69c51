#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/formats/format.h"
#include "oko/formats/tflite/detections.h"
#include "oko/graph/network.h"

namespace oko::formats::tflite {

inline constexpr const char* kAboutName = "TFLITE_METADATA";  // of the model's metadata entry
inline constexpr const char* kLabelsName = "labels.txt";

// What Android's tools show and read of a model: the name, how to preprocess an image, what the
// outputs are, and that class names are in labels.txt.
std::vector<std::byte> about(const graph::Network& network, const ModelInfo& info, bool bytes);

// Appends a file to a model as they expect it: an uncompressed zip archive whose offsets count from
// the model's first byte.
void append_file(std::vector<std::byte>& model, const std::string& name, const std::string& text);

// What a model says of itself in the same way, whoever wrote it.
struct About {
  // What becomes of bytes: (byte − mean) ÷ deviation, for each channel of the input in its order.
  struct Normalization {
    std::array<float, 3> mean{}, deviation{};
  };
  std::optional<Normalization> normalization{};
  std::vector<std::string> labels{};  // files of class names
  // How MediaPipe decodes the raw outputs: [n, 4] values y, x, h, w with anchors of this form, and
  // [n, classes] scores, of which it may compute the sigmoids.
  struct Detector {
    BoxCoding coding;
    graph::Tensor anchors;
    bool sigmoid = false;
  };
  std::optional<Detector> detector{};
};
// Nothing where it is damaged. `bytes` must lie at a multiple of eight.
About read_about(std::string_view bytes);

}  // namespace oko::formats::tflite
