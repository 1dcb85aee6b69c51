#include "oko/train/head.h"

#include "oko/base/error.h"
#include "oko/train/yolo_head.h"

namespace oko::train {

const HeadKind* head_kind(const graph::Operation& operation) {
  return std::holds_alternative<graph::Yolo>(operation) ? &yolo_head() : nullptr;
}

const HeadKind& head_kind(const graph::Network& network, const std::string& place) {
  const HeadKind* kind = nullptr;
  for (const int head : network.heads()) {
    kind = head_kind(network.layers[head].operation);
    if (kind != nullptr) continue;
    throw Error(ErrorCode::kUsage, place,
                "its head is a YOLOv2 [region] layer, which can be run but not trained",
                "train a network with [yolo] heads");
  }
  if (kind != nullptr) return *kind;
  throw Error(ErrorCode::kUsage, place, "it has no [yolo] head", "give a detector's cfg");
}

const graph::Operation* head_after(const graph::Network& network, int layer) {
  for (const int head : network.heads()) {
    if (network.layers[head].inputs[0] == layer) return &network.layers[head].operation;
  }
  return nullptr;
}

}  // namespace oko::train
