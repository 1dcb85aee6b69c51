#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oko/base/json.h"
#include "oko/formats/keras/layers.h"

namespace oko::formats {

// A flattened Keras model: calls of layers in topological order.
struct KerasModel {
  std::vector<LayerCall> calls;  // without inputs
  struct Input {
    std::string map;
    Json shape;  // [batch, side, side, side], null where it is not fixed
  };
  std::vector<Input> inputs;
  std::vector<std::string> outputs;
};

// Flattens the JSON of the attribute model_config. Layers of nested models are named "model/layer".
// Throws an input Error for cycles and for layers without inputs.
KerasModel lay_out_keras(const Json& model, const std::string& file);

}  // namespace oko::formats
