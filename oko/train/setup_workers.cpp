#include <fmt/format.h>

#include <utility>

#include "oko/graph/oko_file.h"
#include "oko/train/agreement.h"
#include "oko/train/setup_steps.h"

namespace oko::train {
namespace {

constexpr const char* kPlace = "worker 0";

std::string described(const DataRecord::Split& split) {
  return fmt::format("{} images with {} boxes", split.images, split.boxes);
}

}  // namespace

void check_same_data(const Setup& setup, Workers& workers) {
  const DataRecord& data = setup.data;
  check_agreement({{"classes", fmt::format("{}", fmt::join(data.classes, ", "))},
                   {"to train on", described(data.train)},
                   {"to validate on", described(data.val)},
                   {"training data with fingerprint", data.train.hash},
                   {"validation data with fingerprint", data.val.hash}},
                  "give every worker the same dataset", workers);
}

void share_setup(Setup& setup, Workers& workers) {
  Json resolved;
  std::string network;
  if (workers.leads()) {
    resolved = {{"recipe", to_toml(setup.recipe)}, {"pretrained", setup.pretrained}};
    graph::Network bare = setup.network;  // the weights follow with the rest of the state
    bare.weights.clear();
    const std::vector<std::byte> bytes = graph::write_oko(bare);
    network.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  const std::string text = workers.from_leader(workers.leads() ? resolved.dump() : "");
  network = workers.from_leader(std::move(network));
  if (workers.leads()) return;
  resolved = parse_json(text, kPlace);
  const Recipe recipe = recipe_from_toml(json_get<std::string>(resolved, "recipe", kPlace), kPlace);
  setup.recipe = with_own_choices(recipe, setup.recipe, nullptr);
  setup.network = graph::read_oko(Bytes(network), kPlace).network;
  setup.pretrained.clear();
  for (const Json& loaded : json_get<Json>(resolved, "pretrained", kPlace)) {
    setup.pretrained.push_back(loaded.get<bool>());
  }
}

}  // namespace oko::train
