#include "oko/formats/candidate.h"

#include <algorithm>

namespace oko::formats {

std::vector<Candidate::Head> heads_in_order(const std::vector<int>& order,
                                            std::vector<graph::Operation> operations) {
  std::vector<Chosen> parts;
  for (const int part : order) parts.push_back({part, {}});
  std::vector<Candidate::Head> heads;
  for (std::size_t level = 0; level < operations.size(); ++level) {
    heads.push_back({level, parts, std::move(operations[level])});
  }
  return heads;
}

bool is_uniform(const std::vector<Level>& levels) {
  return std::ranges::all_of(levels, [&](const Level& level) {
    return std::ranges::equal(level.parts, levels.front().parts, {}, &Part::channels,
                              &Part::channels);
  });
}

int stride_of(const Level& level, const graph::Shape& input) {
  int stride = 1;
  while (stride * level.shape.width < input.width) stride *= 2;
  return stride;
}

image::Preprocess grey_letterbox() {
  image::Preprocess preprocess;
  preprocess.border = 114.F / 255;
  return preprocess;
}

image::Preprocess yolox_preprocessing() {
  image::Preprocess preprocess = grey_letterbox();
  preprocess.bgr = true;
  preprocess.scale = {255, 255, 255};
  return preprocess;
}

image::Preprocess ssd_preprocessing() {
  image::Preprocess preprocess;
  preprocess.fit = image::Preprocess::Fit::kStretch;
  preprocess.mean = {.5F, .5F, .5F};
  preprocess.scale = {2, 2, 2};
  return preprocess;
}

std::vector<graph::Operation> distance_operations(const std::vector<Level>& levels,
                                                  const graph::Shape& input, int classes,
                                                  int channels, float prior) {
  std::vector<graph::Operation> operations;
  for (const Level& level : levels) {
    operations.emplace_back(
        graph::Distances{classes, (channels - classes) / 4, stride_of(level, input), prior});
  }
  return operations;
}

std::vector<graph::Operation> yolo_operations(std::size_t levels, int classes, int boxes,
                                              graph::BoxCode code,
                                              const std::vector<graph::Anchor>& anchors) {
  std::vector<graph::Operation> operations;
  for (std::size_t level = 0; level < levels; ++level) {
    graph::Yolo yolo{.anchors = anchors, .mask = {}, .classes = classes};
    for (int b = 0; b < boxes; ++b) yolo.mask.push_back(static_cast<int>(level) * boxes + b);
    yolo.box_code = code;
    if (code == graph::BoxCode::kSquared) yolo.scale_x_y = 2;
    operations.emplace_back(std::move(yolo));
  }
  return operations;
}

}  // namespace oko::formats
