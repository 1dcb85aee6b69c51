#pragma once

#include "oko/base/random.h"
#include "oko/dataset/loader.h"
#include "oko/graph/network.h"

namespace oko::bench {

// Random images with five boxes each.
inline dataset::Batch random_batch(const graph::Network& network, int pictures) {
  constexpr int kBoxes = 5;
  Random random(1);
  dataset::Batch batch;
  batch.size = {network.input.width, network.input.height};
  batch.inputs.resize(static_cast<std::size_t>(network.input.count() * pictures));
  for (float& v : batch.inputs) v = static_cast<float>(random.uniform());
  for (int i = 0; i < pictures; ++i) {
    auto& truths = batch.truths.emplace_back();
    for (int k = 0; k < kBoxes; ++k) {
      const auto draw = [&](double low, double high) {
        return static_cast<float>(random.uniform(low, high));
      };
      truths.push_back({static_cast<int>(random.below(80)), draw(.2, .8), draw(.2, .8),
                        draw(.05, .4), draw(.05, .4)});
    }
  }
  return batch;
}

}  // namespace oko::bench
