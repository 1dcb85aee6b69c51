#pragma once

// Shared by tests of this folder: a network small enough to train in a second, random weights for
// it, and a way to capture an Error.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/formats/darknet.h"
#include "oko/graph/network.h"
#include "oko/train/yolo_head.h"

namespace oko::train {

// Three convolutions and an output convolution before a yolo head: 64x64 in, 8x8 cells, three
// anchors.
inline std::string tiny_cfg(bool dropout = false) {
  std::string text = "[net]\nwidth=64\nheight=64\nchannels=3\n";
  for (const int filters : {8, 16, 24}) {
    text += "[convolutional]\nbatch_normalize=1\nfilters=" + std::to_string(filters) +
            "\nsize=3\nstride=2\npad=1\nactivation=leaky\n";
  }
  if (dropout) text += "[dropout]\nprobability=.2\n";
  return text +
         "[convolutional]\nfilters=18\nsize=1\nstride=1\npad=0\nactivation=linear\n"
         "[yolo]\nmask=0,1,2\nanchors=10,10, 16,16, 24,24\nclasses=1\nnum=3\nignore_thresh=.6\n";
}

inline graph::Network tiny_network(bool dropout = false) {
  graph::Network network = formats::read_darknet_cfg(tiny_cfg(dropout), "tiny.cfg");
  network.classes = {"square"};
  return network;
}

// All its weights, random and small; scales and variances around 1.
inline void fill_weights(graph::Network& network, std::uint64_t seed) {
  Random random(seed);
  for (const auto& spec : graph::weight_specs(network)) {
    std::int64_t count = 1;
    for (const auto side : spec.shape) count *= side;
    const bool around_one = spec.name.ends_with(".scale") || spec.name.ends_with(".variance");
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) {
      v = static_cast<float>((around_one ? 1 : 0) + .2 * random.uniform(-1, 1));
    }
    network.weights.insert_or_assign(spec.name, graph::Tensor::of(std::move(values), spec.shape));
  }
}

// A loss of yolo heads.
inline LossSums yolo_sums(double box, double objectness = 0, double no_object = 0,
                          double classes = 0) {
  LossSums sums(yolo_head().loss_parts());
  sums.values = {box, objectness, no_object, classes};
  return sums;
}

// The Error that `body` throws; fails the test if it throws none.
inline Error error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(ErrorCode::kFailed, "", "nothing was thrown");
}

}  // namespace oko::train
