#include "oko/train/saver.h"

#include <chrono>
#include <utility>

#include "oko/base/source_date.h"
#include "oko/graph/about.h"
#include "oko/run/output.h"
#include "oko/run/recommend.h"
#include "oko/run/report.h"
#include "oko/storage/bucket/environment.h"
#include "oko/storage/store.h"
#include "oko/train/learner.h"

namespace oko::train {
namespace {

std::uint64_t size_of(const graph::Weights& weights) {
  std::uint64_t size = 0;
  for (const auto& [name, tensor] : weights) size += tensor.data.size();
  return size;
}

// Seconds since 1970, or what SOURCE_DATE_EPOCH says, so that equal runs can give equal files.
std::int64_t time_of_saving() {
  using namespace std::chrono;
  const auto given = source_date(storage::bucket::process_environment);
  return given.value_or(duration_cast<seconds>(system_clock::now().time_since_epoch()).count());
}

}  // namespace

Saver::Saver(run::Writer& writer, const run::Paths& paths, const Setup& setup)
    : writer_(writer), paths_(paths), setup_(setup) {}

void Saver::rehearse(std::int64_t values) const {
  graph::Network network = setup_.network;
  network.weights.clear();
  network.metadata["training"] = facts({});
  graph::set_trained(network, time_of_saving());
  const Bytes bytes(graph::write_oko(network));
  graph::read_oko(bytes, paths_.model());
  static_cast<void>(run::make_report({storage::filename(paths_.folder), {}, "", nullptr, nullptr}));
  constexpr std::uint64_t kModels = 2,
                          kCheckpoints = 3;  // a third is written before one is removed
  const auto moments = static_cast<std::uint64_t>(moments_of(setup_.recipe.optimizer));
  run::check_room(paths_.folder, 4 * static_cast<std::uint64_t>(values) *
                                         (kModels + kCheckpoints * (2 + moments)) +
                                     (1 << 20));
}

void Saver::record(std::vector<std::string> changes, const std::optional<Asked>& asked) const {
  storage::write(paths_.recipe(),
                 to_toml(RunRecord{setup_.recipe, setup_.data, OKO_VERSION, libtorch_version(),
                                   std::move(changes), asked}));
}

std::string Saver::checkpoint(const Position& position, graph::Weights weights,
                              graph::Weights state) {
  Checkpoint c;
  c.network = setup_.network;
  c.network.weights = std::move(weights);
  c.extra = std::move(state);
  c.position = position;
  const std::string uri = write_checkpoint(writer_, paths_.checkpoints(), std::move(c));
  if (!std::exchange(has_checkpoint_, true)) writer_.flush();
  return uri;
}

Json Saver::facts(const Position& position) const {
  return {{"dataset", setup_.recipe.dataset},
          {"dataset_hash", setup_.data.train.hash},
          {"epoch", position.epoch},
          {"step", position.step},
          {"stage", position.stage},
          {"recipe", recipe_json(setup_.recipe)},
          {"oko", OKO_VERSION},
          {"libtorch", libtorch_version()}};
}

void Saver::model(const std::string& uri, const Position& position, graph::Weights weights,
                  const run::Evaluation* evaluation) {
  graph::Network network = setup_.network;
  network.weights = std::move(weights);
  network.metadata["training"] = facts(position);
  graph::set_trained(network, time_of_saving());
  if (evaluation != nullptr) {
    run::set_evaluation(network, *evaluation, storage::filename(setup_.recipe.dataset), "val",
                        graph::content_hash(network));
  }
  const std::uint64_t size = size_of(network.weights);
  writer_.write(uri, size, [network = std::move(network)] { return graph::write_oko(network); });
}

}  // namespace oko::train
