#include "oko/train/defaults.h"

#include <algorithm>

#include "oko/graph/builtin.h"
#include "oko/train/from.h"

namespace oko::train {
namespace {

// Darknet's .cfg files have no such heads.
bool has_distances(const std::string& name) {
  const auto known = graph::builtin_names();
  if (std::ranges::find(known, name) == known.end()) return false;
  const graph::Network network = graph::make_builtin(name, {});
  return std::ranges::any_of(network.heads(), [&](int head) {
    return std::holds_alternative<graph::Distances>(network.layers[head].operation);
  });
}

// As published for NanoDet-Plus, but for the moving average: its ramp is made for hundreds of
// thousands of updates, and averages next to nothing over the few thousands of a small dataset.
void take_published(Recipe& r) {
  r.weight_decay = .05;
  r.clip = 35;
  r.final_factor = .05;
  r.scale_low = .6;
  r.scale_high = 1.4;
  r.jitter = .5;  // each side by .8 to 1.2
  r.hue = 0;
  r.mosaic = 0;
}

// Fewer epochs from a trained network, of smaller batches, which make more updates, at half the
// rate.
void shorten(Recipe& r) {
  r.epochs = 25;
  r.batch = 8;
  r.warmup_epochs = 1;
  r.rate = 5e-4;
}

}  // namespace

Recipe default_recipe(const std::string& network, const std::string& from) {
  Recipe recipe;
  recipe.network = network;
  recipe.from = from;
  if (!has_distances(network)) return recipe;
  take_published(recipe);
  if (!starts_from_scratch(recipe)) shorten(recipe);
  return recipe;
}

}  // namespace oko::train
