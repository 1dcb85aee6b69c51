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

// A Keras model laid out flat: uses of layers, each after those it reads from.
struct KerasModel {
  std::vector<LayerCall> calls;  // without inputs
  struct Input {
    std::string map;
    Json shape;  // [batch, side, side, side], null where it is open
  };
  std::vector<Input> inputs;
  std::vector<std::string> outputs;
};

// Lays out the JSON of the attribute model_config. Nested models are taken apart, their layers
// named "model/layer". Throws an input Error where layers read in a circle or from none.
KerasModel lay_out_keras(const Json& model, const std::string& file);

}  // namespace oko::formats
