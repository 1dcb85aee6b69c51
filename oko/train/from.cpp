#include "oko/train/from.h"

namespace oko::train {

const weights::Known* known_weights(const Recipe& recipe) {
  return recipe.from == kFromAuto ? weights::find_for_network(recipe.network)
                                  : weights::find(recipe.from);
}

bool starts_from_scratch(const Recipe& recipe) {
  if (recipe.from == kFromAuto) return known_weights(recipe) == nullptr;
  return recipe.from == kFromNone || recipe.from.empty();
}

}  // namespace oko::train
