#include "oko/formats/candidate.h"

#include <algorithm>
#include <cmath>

namespace oko::formats {

std::string title_of(const Candidate& candidate) {
  return std::string(title_of(candidate.family)) + candidate.detail;
}

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

// As the family's own programs do it, where the file does not say.
static void set_preprocessing(Imported& imported, const Candidate& candidate) {
  if (imported.defines_preprocessing) return;
  image::Preprocess preprocess = candidate.preprocess;
  const image::Preprocess& own = imported.network.preprocess;
  if (imported.defines_range) preprocess.mean = own.mean, preprocess.scale = own.scale;
  imported.network.preprocess = preprocess;
  imported.defines_preprocessing = true;
  imported.notes.push_back(std::string("the file does not define ") +
                           (imported.defines_range ? "how images are resized and the order of "
                                                     "colours; assuming those of "
                                                   : "preprocessing; assuming that of ") +
                           title_of(candidate));
}

static std::vector<HeadPart> parts_of(const Imported& imported, const Level& level,
                                      const Candidate::Head& head) {
  std::vector<HeadPart> parts;
  for (const Chosen& chosen : head.parts) {
    const Part& part = level.parts[chosen.part];
    HeadPart& found = parts.emplace_back(HeadPart{imported.keys[part.output], {}, part.passed});
    for (int i = 0; chosen.channels.empty() && i < part.channels; ++i) {
      found.channels.push_back(part.first + i);
    }
    for (const int channel : chosen.channels) found.channels.push_back(part.first + channel);
  }
  return parts;
}

void attach(Imported& imported, const std::vector<Level>& levels, const Candidate& candidate) {
  std::vector<int> outputs;
  std::vector<graph::Operation> operations;
  for (const Candidate::Head& head : candidate.heads) {
    const Level& level = levels[head.level];
    outputs.push_back(joined_parts(imported, level, head.parts));
    operations.push_back(head.operation);
    if (!imported.keys.empty()) imported.parts.push_back(parts_of(imported, level, head));
  }
  imported.outputs = outputs;
  imported.keys.clear();
  imported.names.clear();
  add_heads(imported, operations);
  drop_unread(imported);
  set_preprocessing(imported, candidate);
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

// Whether the first kernel is one for values near 1 rather than 100: those of published YOLOX-Nano
// have .3 on average, those for bytes .005.
static bool reads_small_values(const graph::Network& network) {
  constexpr double kBetween = .04;
  for (const graph::Layer& layer : network.layers) {
    const auto kernel = network.weights.find(layer.name + ".kernel");
    if (kernel == network.weights.end() || kernel->second.dtype != graph::DType::kF32) continue;
    double sum = 0;
    for (const float value : kernel->second.floats()) sum += std::fabs(value);
    return sum > kBetween * static_cast<double>(kernel->second.count());
  }
  return false;
}

image::Preprocess grey_letterbox() {
  image::Preprocess preprocess;
  preprocess.border = 114.F / 255;
  return preprocess;
}

image::Preprocess imagenet_preprocessing() {
  image::Preprocess preprocess;
  preprocess.fit = image::Preprocess::Fit::kStretch;
  preprocess.mean = {.485F, .456F, .406F};
  preprocess.scale = {1 / .229F, 1 / .224F, 1 / .225F};
  return preprocess;
}

image::Preprocess yolox_preprocessing(const graph::Network& network) {
  image::Preprocess preprocess = grey_letterbox();
  if (reads_small_values(network)) {
    const image::Preprocess imagenet = imagenet_preprocessing();
    preprocess.mean = imagenet.mean;
    preprocess.scale = imagenet.scale;
  } else {
    preprocess.bgr = true;
    preprocess.scale = {255, 255, 255};
  }
  return preprocess;
}

image::Preprocess ssd_preprocessing() {
  image::Preprocess preprocess;
  preprocess.fit = image::Preprocess::Fit::kStretch;
  preprocess.mean = {.5F, .5F, .5F};
  preprocess.scale = {2, 2, 2};
  return preprocess;
}

image::Preprocess caffe_preprocessing(const graph::Network& network) {
  image::Preprocess preprocess = ssd_preprocessing();
  preprocess.bgr = true;
  if (!reads_small_values(network)) {
    preprocess.mean = {104.F / 255, 117.F / 255, 123.F / 255};
    preprocess.scale = {255, 255, 255};
  }
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

std::vector<Candidate::Head> heads_without_points(const std::vector<Level>& levels, int points,
                                                  int classes, int boxes,
                                                  const std::vector<graph::Anchor>& anchors) {
  Chosen chosen;
  for (int b = 0; b < boxes; ++b) {
    const int first = b * (5 + points + classes);
    for (int i = 0; i < 5; ++i) chosen.channels.push_back(first + i);
    for (int i = 0; i < classes; ++i) chosen.channels.push_back(first + 5 + points + i);
  }
  std::vector<Candidate::Head> heads;
  for (graph::Operation& operation :
       yolo_operations(levels.size(), classes, boxes, graph::BoxCode::kSquared, anchors)) {
    heads.push_back({heads.size(), {chosen}, std::move(operation)});
  }
  return heads;
}

}  // namespace oko::formats
