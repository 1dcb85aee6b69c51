#pragma once

#include <span>
#include <string>
#include <vector>

#include "oko/base/json.h"

namespace oko::run {

// A part of the training loss, kept separate so that a user sees which one is stuck.
struct LossPart {
  std::string key;    // in the log, in checkpoints and in TensorBoard: "no_object"
  std::string label;  // for people: "no object"
};

// "loss_parts" of the log's start event. Logs of older versions have none: those of YOLO heads,
// the only ones there were.
Json to_json(std::span<const LossPart> parts);
std::vector<LossPart> loss_parts_of(const Json& start);

}  // namespace oko::run
