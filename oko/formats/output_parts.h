#pragma once

#include <vector>

#include "oko/formats/heads.h"

namespace oko::formats {

// What an output is concatenated from, or all of it.
struct Part {
  std::size_t output = 0;  // of Imported::outputs
  int layer = 0;           // that computes it, with the function but for a softmax
  int channels = 0;
  Passed passed = Passed::kNothing;
  int first = 0;  // of its channels in the output
};

// The parts of all outputs that have the same rows and columns.
struct Level {
  graph::Shape shape;  // without channels
  std::vector<Part> parts;
};

// In the order of the outputs, or from the finest on if it goes up and down.
std::vector<Level> levels_of(const Imported& imported);

// What the file has of a part whose raw values, planar, these are.
std::vector<float> finished_values(const Part& part, const std::vector<float>& raw,
                                   const graph::Shape& shape);

// A part of a level, by its index, and which of its channels in which order; empty: all of them.
struct Chosen {
  int part = 0;
  std::vector<int> channels{};
  bool operator==(const Chosen&) const = default;
};
// Of planar values of all channels, those that are chosen.
std::vector<float> chosen_values(const Chosen& chosen, const std::vector<float>& values,
                                 const graph::Shape& shape);

// The layer that has the raw values of these parts of a level in this order: an existing one, or
// one that is added. Channels are chosen among a convolution's filters where that is possible.
int joined_parts(Imported& imported, const Level& level, const std::vector<Chosen>& chosen);

// Removes the layers that no output or head depends on, with their weights.
void drop_unread(Imported& imported);

}  // namespace oko::formats
