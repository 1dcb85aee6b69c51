#pragma once

#include <string>
#include <vector>

#include "oko/formats/format.h"
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

// The text of the labels file in such an archive at the end of a model; "" without one.
std::string appended_labels(std::string_view model);

}  // namespace oko::formats::tflite
