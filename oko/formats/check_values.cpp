#include "oko/formats/check_values.h"

#include <algorithm>
#include <cmath>

#include "oko/base/error.h"

namespace oko::formats {

void check_values(const graph::Tensor& tensor, const std::string& name, const std::string& place) {
  const std::span<const float> values = tensor.floats();
  const bool variance = name.ends_with(".variance");
  const auto bad = std::find_if(values.begin(), values.end(),
                                [&](float v) { return !std::isfinite(v) || (variance && v < 0); });
  if (bad == values.end()) return;
  throw input_error(
      place, name + "[" + std::to_string(bad - values.begin()) + "] is " + std::to_string(*bad),
      "the file is damaged, belongs to another network or comes from a training run that "
      "diverged");
}

}  // namespace oko::formats
