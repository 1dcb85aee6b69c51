// Networks, frames and what oko finds in them, for tests of generated source.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oko/detect/detector.h"
#include "oko/graph/network.h"
#include "oko/image/frame.h"

namespace oko::formats::wrappers {

constexpr int kWidth = 150, kHeight = 91;  // of the frames

// Heads of both kinds with anchors, for these classes.
graph::Network odd_network(image::Preprocess preprocess,
                           std::vector<std::string> classes = {"traffic light", "3d", "кіт \"$a\\",
                                                               "3d"});
// The same network on images that are stretched, and whose channels are reversed; on letterboxed
// ones.
graph::Network stretched();
graph::Network letterboxed();
// The heads of a NanoDet-Plus, as built in.
graph::Network anchor_free();

// A frame, the assumed outputs of the heads, and oko's results for them.
struct Case {
  graph::Network network;
  std::vector<std::uint8_t> frame;            // RGBA
  std::vector<std::vector<float>> maps;       // planar
  std::vector<float> input;                   // planar
  std::vector<detect::Detection> detections;  // in the frame
  detect::Thresholds thresholds{};            // of the detections
};

// Bytes without order.
std::vector<std::uint8_t> synthetic_bytes(std::size_t count);
// Of a frame in RGBA.
Case case_of(graph::Network network, std::vector<std::vector<float>> maps,
             const detect::Thresholds& thresholds = {});
Case odd_case(const graph::Network& network);
// The same with a threshold for each class, as a model has them.
Case described_case(const graph::Network& network);
// What is seen of another frame: sets the case's input and detections, at its thresholds.
void look_at(const image::Frame& frame, Case& c);

}  // namespace oko::formats::wrappers
