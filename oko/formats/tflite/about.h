#pragma once

#include <string>
#include <vector>

#include "oko/formats/file.h"
#include "oko/graph/network.h"

namespace oko::formats::tflite {

inline constexpr const char* kAboutName = "TFLITE_METADATA";  // of the model's metadata entry
inline constexpr const char* kLabelsName = "labels.txt";

// What Android's tools show of a model and take from it: the name, how to make the input of a
// picture, what the outputs are, and that class names are in labels.txt.
std::vector<std::byte> about(const graph::Network& network, const ModelInfo& info, bool bytes);

// Appends a file to a model as they read it: a zip archive whose offsets count from the model's
// first byte, not compressed.
void append_file(std::vector<std::byte>& model, const std::string& name, const std::string& text);

// The text of the labels file that such an archive at the end of a model holds; "" without one.
std::string appended_labels(std::string_view model);

}  // namespace oko::formats::tflite
