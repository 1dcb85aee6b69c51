#pragma once

#include <string_view>

#include "oko/train/recipe.h"
#include "oko/weights/known.h"

namespace oko::train {

// Values of Recipe::from besides names of known weights and files.
inline constexpr std::string_view kFromAuto = "auto";  // known weights of the network, if any
inline constexpr std::string_view kFromNone = "none";  // from scratch

// The known weights that the recipe starts from. Null: from a file, or from scratch. A known name
// never means a file: "./NAME" does.
const weights::Known* known_weights(const Recipe& recipe);

// Whether the recipe starts with random weights: "none", "auto" for a network without known
// weights, or nothing, as an older oko recorded it.
bool starts_from_scratch(const Recipe& recipe);

}  // namespace oko::train
