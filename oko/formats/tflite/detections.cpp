#include "oko/formats/tflite/detections.h"

#include <flatbuffers/flexbuffers.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace oko::formats::tflite {
namespace {

using graph::Tensor;

// The rows of a tensor of two dimensions, or of three of which the first is 1; 0 if it is not one.
std::int64_t rows_of(const Tensor& tensor) {
  const auto& sides = tensor.shape;
  const bool batch = sides.size() == 3 && sides[0] == 1;
  return tensor.dtype == graph::DType::kF32 && (batch || sides.size() == 2) ? sides.end()[-2] : 0;
}

}  // namespace

bool is_detections(const Operator& op) { return op.kind == "custom TFLite_Detection_PostProcess"; }

std::optional<BoxCoding> coding_of(const Operator& op) {
  const auto* bytes = op.raw->custom_options();
  if (bytes == nullptr) return {};
  // Numbers are aligned to the start of the settings, which lie anywhere in the file.
  const std::vector<std::uint8_t> aligned(bytes->begin(), bytes->end());
  std::vector<std::uint8_t> tracker;
  if (!flexbuffers::VerifyBuffer(aligned.data(), aligned.size(), &tracker)) return {};
  const auto root = flexbuffers::GetRoot(aligned.data(), aligned.size());
  if (!root.IsMap()) return {};
  const auto map = root.AsMap();
  BoxCoding coding;
  constexpr std::int64_t kMostClasses = 1 << 16;
  const std::int64_t classes = map["num_classes"].AsInt64();
  if (classes < 1 || classes > kMostClasses) return {};
  coding.classes = static_cast<int>(classes);
  constexpr std::array kKeys{"y_scale", "x_scale", "h_scale", "w_scale"};
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    coding.scales[i] = map[kKeys[i]].AsFloat();
    if (!(coding.scales[i] > 0 && std::isfinite(coding.scales[i]))) return {};
  }
  return coding;
}

std::optional<std::vector<Tensor>> unsuppressed(const BoxCoding& coding, const Tensor& values,
                                                const Tensor& scores, const Tensor& anchors) {
  const std::int64_t rows = rows_of(values);
  if (rows < 1 || values.shape.back() != 4 || rows_of(scores) != rows || rows_of(anchors) != rows ||
      anchors.shape.back() != 4) {
    return {};
  }
  const std::int64_t columns = scores.shape.back();
  if (columns < coding.classes) return {};
  const auto [ys, xs, hs, ws] = coding.scales;
  std::vector<float> boxes, kept;
  boxes.reserve(static_cast<std::size_t>(rows) * 4);
  kept.reserve(static_cast<std::size_t>(rows) * static_cast<std::size_t>(coding.classes));
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto at = static_cast<std::size_t>(row) * 4;
    const auto value = values.floats().subspan(at, 4), anchor = anchors.floats().subspan(at, 4);
    const float y = value[0] / ys * anchor[2] + anchor[0];
    const float x = value[1] / xs * anchor[3] + anchor[1];
    const float h = std::exp(value[2] / hs) * anchor[2], w = std::exp(value[3] / ws) * anchor[3];
    boxes.insert(boxes.end(), {y - h / 2, x - w / 2, y + h / 2, x + w / 2});
    const auto first = scores.floats().begin() + (row + 1) * columns - coding.classes;
    kept.insert(kept.end(), first, first + coding.classes);
  }
  return std::vector<Tensor>{Tensor::of(std::move(boxes), {1, rows, 4}),
                             Tensor::of(std::move(kept), {1, rows, coding.classes})};
}

}  // namespace oko::formats::tflite
