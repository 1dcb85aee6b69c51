#include <algorithm>

#include "oko/base/error.h"
#include "oko/formats/darknet/reader.h"

namespace oko::formats {

using graph::Activation;
using graph::Operation;

// As many as `num`, which is a .cfg's own count, or as are listed.
std::vector<graph::Anchor> CfgReader::anchors(DarknetSection& section, int& num) {
  std::vector<float> sides = section.numbers("anchors");
  const auto listed = static_cast<int>(sides.size());
  num = section.integer_or("num", listed / 2);
  constexpr int kMostAnchors = 1024;
  if (num < 0 || num > kMostAnchors || (listed % 2 != 0 && !section.has("num"))) {
    throw input_error(section.place_of("anchors"), "there are " + std::to_string(listed) +
                                                       " numbers for " + std::to_string(num) +
                                                       " anchors, which have two each");
  }
  const std::string count =
      "num=" + std::to_string(num) + ", but anchors has " + std::to_string(listed) + " numbers: ";
  if (listed < 2 * num) {
    constexpr float kMissing = .5F;
    sides.resize(static_cast<std::size_t>(2 * num), kMissing);
    note_once(section, "anchors",
              count + "as in Darknet, the missing ones are 0.5; is a comma missing?");
  } else if (listed > 2 * num) {
    note_once(section, "anchors", count + "the first are used, or those in the mask");
  }
  std::vector<graph::Anchor> pairs;
  for (std::size_t i = 0; i + 1 < sides.size(); i += 2) pairs.push_back({sides[i], sides[i + 1]});
  return pairs;
}

Operation CfgReader::yolo(DarknetSection& section) {
  graph::Yolo yolo;
  int num = 0;
  yolo.anchors = anchors(section, num);
  if (section.has("mask")) {
    yolo.mask = section.integers("mask");
  } else {
    for (int i = 0; i < num; ++i) yolo.mask.push_back(i);
  }
  yolo.classes = section.integer("classes");
  yolo.scale_x_y = section.number_or("scale_x_y", 1);
  yolo.ignore_threshold = section.number_or("ignore_thresh", .5F);
  yolo.truth_threshold = section.number_or("truth_thresh", 1);
  if (section.integer_or("new_coords", 0) != 0) {
    yolo.box_code = graph::BoxCode::kSquared;
    squared_.emplace_back(static_cast<int>(network_.layers.size()), section.place());
  }
  read_suppression(section);
  return yolo;
}

// With new_coords Darknet's head takes the outputs of logistic functions, which belong to the
// convolution before it; ours contains them.
void CfgReader::check_new_coordinates(int head, const std::string& place) const {
  const int from = network_.layers[head].inputs.front();
  const auto* convolution =
      from < 0 ? nullptr : std::get_if<graph::Convolution>(&network_.layers[from].operation);
  const auto is_other = [&](const graph::Layer& layer) {
    const auto* yolo = std::get_if<graph::Yolo>(&layer.operation);
    return std::ranges::count(layer.inputs, from) > 0 &&
           (yolo == nullptr || yolo->box_code != graph::BoxCode::kSquared);
  };
  if (convolution != nullptr && convolution->activation == Activation::kLogistic &&
      std::ranges::none_of(network_.layers, is_other)) {
    return;
  }
  throw input_error(place,
                    "a head with new_coords=1 must follow a convolution with activation=logistic "
                    "that no other layer reads",
                    "use a head without new_coords, or give it such a convolution, and retrain");
}

Operation CfgReader::region(DarknetSection& section) {
  graph::Region region;
  int num = 0;
  region.anchors = anchors(section, num);
  region.anchors.resize(static_cast<std::size_t>(num));
  region.classes = section.integer("classes");
  region.softmax = section.integer_or("softmax", 0) != 0;
  read_suppression(section);
  return region;
}

// Darknet uses its last layer's value and ignores earlier heads. cornersnms is the same as the
// default.
void CfgReader::read_suppression(DarknetSection& section) {
  constexpr float kExponent = .6F;  // of greedynms always, of diounms by default
  const std::string kind = section.has("nms_kind") ? section.text("nms_kind") : "default";
  constexpr std::string_view kKinds[] = {"default", "greedynms", "diounms", "cornersnms"};
  if (std::ranges::find(kKinds, kind) == std::end(kKinds)) {
    note_once(
        section, "nms_kind",
        "nms_kind=" + kind + " is unknown to Darknet, so overlapping boxes are suppressed by IoU");
  }
  network_.diou_exponent = kind == "greedynms" ? kExponent : 0;
  if (kind == "diounms") {
    network_.diou_exponent = section.number_or("beta_nms", kExponent);
    if (!(network_.diou_exponent > 0)) {
      throw input_error(section.place_of("beta_nms"), "beta_nms must be above 0");
    }
  }
  if (network_.diou_exponent > 0) {
    note_once(section, "nms_kind",
              "nms_kind=" + kind + ", so overlapping boxes are suppressed by DIoU instead of IoU");
  }
}

}  // namespace oko::formats
