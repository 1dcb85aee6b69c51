#include "oko/train/head.h"

#include "oko/base/error.h"
#include "oko/train/distances_head.h"
#include "oko/train/yolo_head.h"

namespace oko::train {

namespace {

// Of the ways to make boxes and scores those of Darknet's networks.
bool has_loss(const graph::Yolo& yolo) {
  const bool is_known =
      yolo.box_code == graph::BoxCode::kExponential || yolo.box_code == graph::BoxCode::kSquared;
  return is_known && !yolo.softmax && yolo.class_share == 0;
}

}  // namespace

const HeadKind* head_kind(const graph::Operation& operation) {
  if (std::holds_alternative<graph::Yolo>(operation)) return &yolo_head();
  return std::holds_alternative<graph::Distances>(operation) ? &distances_head() : nullptr;
}

const HeadKind& head_kind(const graph::Network& network, const std::string& place) {
  const HeadKind* kind = nullptr;
  for (const int head : network.heads()) {
    const graph::Operation& operation = network.layers[head].operation;
    const auto refused = [&](const std::string& why, const std::string& hint) {
      return Error(ErrorCode::kUsage, place + ": " + graph::place_of(network, head), why, hint);
    };
    const HeadKind* own = head_kind(operation);
    if (own == nullptr) {
      throw refused("is a " + std::string(graph::name_of(operation)) +
                        " head, which oko can run but not train",
                    "train a network with [yolo] heads");
    }
    if (const auto* yolo = std::get_if<graph::Yolo>(&operation);
        yolo != nullptr && !has_loss(*yolo)) {
      throw refused("makes boxes or scores in a way that oko can run but not train",
                    "train a built-in network, or one with Darknet's [yolo] heads");
    }
    if (kind != nullptr && own != kind) {
      throw refused("is of another kind than the heads before it",
                    "train a network whose heads are all of one kind");
    }
    kind = own;
  }
  if (kind != nullptr) return *kind;
  throw Error(ErrorCode::kUsage, place, "has no head that can be trained", "give a detector's cfg");
}

const graph::Operation* head_after(const graph::Network& network, int layer) {
  for (const int head : network.heads()) {
    if (network.layers[head].inputs[0] == layer) return &network.layers[head].operation;
  }
  return nullptr;
}

}  // namespace oko::train
