#include "oko/formats/ncnn/detections.h"

#include <cmath>
#include <cstdint>

namespace oko::formats::ncnn {
namespace {

using graph::Tensor;

constexpr int kNotGiven = -233;

float given_or(float value, float fallback) {
  return value == 0 || value == static_cast<float>(kNotGiven) ? fallback : value;
}

// The widths and heights of a cell's boxes, in pixels.
std::vector<graph::Anchor> sizes_of(const Line& line) {
  const std::vector<float> least = line.numbers(0), most = line.numbers(1),
                           ratios = line.numbers(2);
  const bool flip = line.integer(7, 1) != 0;
  std::vector<graph::Anchor> sizes;
  if (!most.empty() && most.size() != least.size()) return sizes;
  for (std::size_t i = 0; i < least.size(); ++i) {
    sizes.push_back({least[i], least[i]});
    if (!most.empty()) {
      const float side = std::sqrt(least[i] * most[i]);
      sizes.push_back({side, side});
    }
    for (const float ratio : ratios) {
      const float root = std::sqrt(ratio);
      sizes.push_back({least[i] * root, least[i] / root});
      if (flip) sizes.push_back({least[i] / root, least[i] * root});
    }
  }
  return sizes;
}

}  // namespace

std::optional<Tensor> priors_of(const Line& line, const graph::Shape& map,
                                const graph::Shape& image) {
  constexpr int kMmdetectionStep = 14, kMmdetectionCentre = 15, kClip = 8;
  constexpr std::int64_t kMost = std::int64_t{1} << 20;
  const std::vector<graph::Anchor> sizes = sizes_of(line);
  const std::int64_t count = std::int64_t{map.height} * map.width * std::ssize(sizes);
  if (sizes.empty() || count > kMost || line.integer(kMmdetectionStep, 0) != 0 ||
      line.integer(kMmdetectionCentre, 0) != 0) {
    return {};
  }
  const float width = given_or(line.number(9, 0), static_cast<float>(image.width));
  const float height = given_or(line.number(10, 0), static_cast<float>(image.height));
  const float across = given_or(line.number(11, 0), width / static_cast<float>(map.width));
  const float down = given_or(line.number(12, 0), height / static_cast<float>(map.height));
  const float offset = line.number(13, 0);
  const bool clip = line.integer(kClip, 0) != 0;
  std::vector<float> rows;
  rows.reserve(static_cast<std::size_t>(count) * 8);
  const auto put = [&](float side) {
    rows.push_back(clip ? std::fmin(std::fmax(side, 0.F), 1.F) : side);
  };
  for (int cell = 0; cell < map.height * map.width; ++cell) {
    const float x = (static_cast<float>(cell % map.width) + offset) * across;
    const float y = (static_cast<float>(cell / map.width) + offset) * down;
    for (const graph::Anchor& size : sizes) {
      put((x - size.width / 2) / width);
      put((y - size.height / 2) / height);
      put((x + size.width / 2) / width);
      put((y + size.height / 2) / height);
    }
  }
  const float variances[] = {line.number(3, .1F), line.number(4, .1F), line.number(5, .2F),
                             line.number(6, .2F)};
  for (std::int64_t i = 0; i < count; ++i) rows.insert(rows.end(), variances, variances + 4);
  return Tensor::of(std::move(rows), {2, count * 4});
}

std::optional<std::vector<Tensor>> unsuppressed(const Line& line, const Tensor& values,
                                                const Tensor& scores, const Tensor& priors) {
  constexpr int kMostClasses = 1 << 16;
  const int logits = line.integer(0, 0);
  const std::int64_t rows = values.count() / 4;
  if (logits < 2 || logits > kMostClasses || rows < 1 || values.count() != rows * 4 ||
      scores.count() != rows * logits || priors.count() != rows * 8) {
    return {};
  }
  const auto value = values.floats(), prior = priors.floats(), score = scores.floats();
  std::vector<float> boxes, kept;
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* const box = &prior[row * 4];
    const float* const by = &prior[(rows + row) * 4];
    const float width = box[2] - box[0], height = box[3] - box[1];
    const float x = (box[0] + box[2]) / 2 + by[0] * value[row * 4] * width;
    const float y = (box[1] + box[3]) / 2 + by[1] * value[row * 4 + 1] * height;
    const float w = std::exp(by[2] * value[row * 4 + 2]) * width;
    const float h = std::exp(by[3] * value[row * 4 + 3]) * height;
    boxes.insert(boxes.end(), {x - w / 2, y - h / 2, x + w / 2, y + h / 2});
    const auto first = score.begin() + row * logits;
    kept.insert(kept.end(), first + 1, first + logits);
  }
  return std::vector<Tensor>{Tensor::of(std::move(boxes), {rows, 4}),
                             Tensor::of(std::move(kept), {rows, logits - 1})};
}

}  // namespace oko::formats::ncnn
