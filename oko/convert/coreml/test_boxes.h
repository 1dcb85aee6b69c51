// What tests of the Core ML interpreter have in common.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "oko/convert/compare.h"
#include "oko/convert/coreml/interpreter.h"
#include "oko/detect/decode.h"
#include "oko/graph/network.h"
#include "oko/image/geometry.h"
#include "tests/support/reference_models.h"

#define OKO_NEEDS_REFERENCE_MODELS()                                    \
  if (reference::path_of("golden").empty()) {                           \
    GTEST_SKIP() << "set OKO_DATA to the folder of the reference data"; \
  }

namespace oko::convert {

using Numbers = std::vector<float>;

inline Numbers synthetic_image(const graph::Shape& shape) {
  Numbers values(static_cast<std::size_t>(shape.count()));
  std::uint32_t state = 7;
  for (float& v : values) {
    state = state * 1664525U + 1013904223U;
    v = static_cast<float>(state >> 8) / 0x1p24F;
  }
  return values;
}

inline Numbers golden_input(const std::string& name) {
  return reference::read_floats(reference::path_of("golden/inputs") + "/" + name);
}

inline void name_classes(graph::Network& network) {
  network.classes.clear();
  for (int i = 0; i < network.class_count(); ++i) {
    network.classes.push_back("class " + std::to_string(i));
  }
}

// oko's own decoding of the same raw outputs, one class per box, clipped to the image.
inline std::vector<detect::Detection> own_boxes(const graph::Network& network,
                                                const std::vector<Numbers>& maps, float score,
                                                float iou, bool clip_first) {
  const std::vector<detect::HeadMap> heads(maps.begin(), maps.end());
  std::vector<detect::Detection> all = detect::decode(network, heads, score), best;
  for (const detect::Detection& d : all) {
    const auto same = std::ranges::find(best, d.box, &detect::Detection::box);
    if (same == best.end()) {
      best.push_back(d);
    } else if (d.score > same->score) {
      *same = d;
    }
  }
  const image::Size size{network.input.width, network.input.height};
  const auto clip = [&] {
    for (detect::Detection& d : best) d.box = image::clipped(d.box, size);
  };
  if (clip_first) clip();
  detect::Thresholds thresholds;
  thresholds.score = score;
  thresholds.iou = iou;
  thresholds.max_detections = 0;
  detect::suppress(best, thresholds);
  clip();
  return best;
}

// Boxes outside of the image are clipped to nothing, which overlaps nothing.
inline std::vector<detect::Detection> with_area(std::vector<detect::Detection> boxes) {
  std::erase_if(boxes, [](const detect::Detection& d) {
    return d.box.right - d.box.left < 1e-3F || d.box.bottom - d.box.top < 1e-3F;
  });
  return boxes;
}

inline void expect_same_boxes(const std::vector<detect::Detection>& all_a,
                              const std::vector<detect::Detection>& all_b) {
  ASSERT_EQ(all_a.size(), all_b.size());
  const auto a = with_area(all_a), b = with_area(all_b);
  const BoxAgreement agreement = compare_boxes(a, b);
  EXPECT_EQ(agreement.matched, agreement.first);
  EXPECT_GT(agreement.lowest_iou, .9999F);
  EXPECT_LT(agreement.score_difference, 1e-5F);
}

inline void expect_vision_rule(const VisionBoxes& boxes) {
  const auto classes = static_cast<std::size_t>(boxes.classes);
  float largest_sum = 0, least = 1, least_coordinate = 1, edge = 0;
  for (std::size_t row = 0; row < boxes.coordinates.size() / 4; ++row) {
    float sum = 0;
    for (std::size_t i = 0; i < classes; ++i) {
      sum += boxes.confidence[row * classes + i];
      least = std::min(least, boxes.confidence[row * classes + i]);
    }
    largest_sum = std::max(largest_sum, sum);
    const float* c = boxes.coordinates.data() + row * 4;
    for (const int axis : {0, 1}) {
      least_coordinate = std::min(least_coordinate, c[axis] - c[axis + 2] / 2);
      edge = std::max(edge, c[axis] + c[axis + 2] / 2);
    }
  }
  EXPECT_LE(largest_sum, 1.00001F);
  EXPECT_GE(least, 0);
  EXPECT_GE(least_coordinate, -1e-6F);
  EXPECT_LE(edge, 1 + 1e-6F);
}

}  // namespace oko::convert
