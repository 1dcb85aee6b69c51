#pragma once

#include <array>
#include <string_view>

namespace oko::train {

// What a recipe lets the user choose by a word, and the words (oko/base/words.h).

// Kinds of detection loss. All three return the sum over an image, later divided by the batch size.
//   kCiou     1 − CIoU (Zheng et al. 2020) for boxes, cross entropy for the rest, and every anchor
//             whose shape matches a truth well is assigned to it, not only the best one
//   kKeras    the Keras port's: cross entropy for x, y, objectness, class; squares for w, h
//   kDarknet  pjreddie/darknet's yolo layer: reports squared deltas; the gradient is −delta
enum class LossKind { kCiou, kKeras, kDarknet };
constexpr auto words_of(LossKind) {
  return std::to_array<std::string_view>({"ciou", "keras", "darknet"});
}

enum class OptimizerKind { kSgd, kAdam, kAdamW };
constexpr auto words_of(OptimizerKind) {
  return std::to_array<std::string_view>({"sgd", "adam", "adamw"});
}
// Tensors that an optimizer keeps for each parameter.
constexpr int moments_of(OptimizerKind kind) { return kind == OptimizerKind::kSgd ? 1 : 2; }

enum class ScheduleKind { kCosine, kStep, kPlateau, kConstant };
constexpr auto words_of(ScheduleKind) {
  return std::to_array<std::string_view>({"cosine", "step", "plateau", "constant"});
}

// The type that convolutions compute in; kAuto depends on the device.
enum class ComputeType { kAuto, kFloat32, kBfloat16, kFloat16 };
constexpr auto words_of(ComputeType) {
  return std::to_array<std::string_view>({"auto", "fp32", "bf16", "fp16"});
}

// Anchors that are not given as a list.
enum class AnchorSource { kAuto, kData, kDefault };
constexpr auto words_of(AnchorSource) {
  return std::to_array<std::string_view>({"auto", "data", "default"});
}

}  // namespace oko::train
