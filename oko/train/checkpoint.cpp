#include "oko/train/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "oko/base/error.h"
#include "oko/storage/store.h"
#include "oko/train/head.h"

namespace oko::train {
namespace {

Json to_json(const Position& p) {
  Json epochs = Json::array();
  for (const auto& e : p.epochs) epochs.push_back(train::to_json(e));
  return {{"step", p.step},
          {"stage", p.stage},
          {"epoch", p.epoch},
          {"batch", p.batch},
          {"log_bytes", p.log_bytes},
          {"epoch_sum", train::to_json(p.epoch_sum)},
          {"epoch_pictures", p.epoch_pictures},
          {"best_fitness", p.best_fitness},
          {"best_epoch", p.best_epoch},
          {"smoothed_loss", p.trend.smoothed},
          {"lowest_loss", p.trend.lowest},
          {"smoothed_steps", p.trend.updates},
          {"schedule", p.schedule},
          {"epochs", std::move(epochs)}};
}

Position position_from_json(const Json& json, const std::string& place,
                            std::span<const LossPart> parts) {
  Position p;
  p.step = json_get<std::int64_t>(json, "step", place);
  p.stage = json_get<int>(json, "stage", place);
  p.epoch = json_get<int>(json, "epoch", place);
  p.batch = json_get<int>(json, "batch", place);
  p.log_bytes = json_get<std::uint64_t>(json, "log_bytes", place);
  p.epoch_sum = losses_from_json(json_get<Json>(json, "epoch_sum", place), place, parts);
  p.epoch_pictures = json_get<std::int64_t>(json, "epoch_pictures", place);
  p.best_fitness = json_get<double>(json, "best_fitness", place);
  p.best_epoch = json_get<int>(json, "best_epoch", place);
  p.trend.smoothed = json_get<double>(json, "smoothed_loss", place);
  p.trend.lowest = json_get<double>(json, "lowest_loss", place);
  p.trend.updates = json_get<std::int64_t>(json, "smoothed_steps", place);
  p.schedule = json_get<Json>(json, "schedule", place);
  const Json epochs = json_get<Json>(json, "epochs", place);
  if (!epochs.is_array()) throw input_error(place, "\"epochs\" must be a list");
  if (p.step < 0 || p.stage < 1 || p.stage > 2 || p.epoch < 0 || p.batch < 0) {
    throw input_error(place, "\"position\" contains invalid numbers");
  }
  for (const Json& e : epochs) p.epochs.push_back(epoch_summary_from_json(e, place, parts));
  return p;
}

// Checkpoints in an existing folder, oldest first.
std::vector<std::string> list_checkpoints(const std::string& folder) {
  std::vector<std::string> found;
  for (const auto& entry : storage::list(folder)) {
    const std::string name = storage::filename(entry.uri);
    if (name.starts_with("step-") && name.ends_with(".oko")) found.push_back(entry.uri);
  }
  return found;  // list() sorts by name, names hold the step with leading zeros
}

void prune(const std::string& folder, std::size_t keep) {
  const auto all = list_checkpoints(folder);
  for (std::size_t i = 0; i + keep < all.size(); ++i) storage::remove(all[i]);
}

}  // namespace

LossSums Position::mean_loss() const {
  LossSums mean = epoch_sum;
  return mean /= static_cast<double>(std::max<std::int64_t>(1, epoch_pictures));
}

void Position::begin_epoch() {
  batch = 0;
  epoch_sum = LossSums(epoch_sum.parts);
  epoch_pictures = 0;
}

std::vector<std::byte> checkpoint_bytes(Checkpoint checkpoint) {
  checkpoint.network.metadata["position"] = to_json(checkpoint.position);
  return graph::write_oko(checkpoint.network, checkpoint.extra);
}

Checkpoint read_checkpoint(const Bytes& bytes, const std::string& name) {
  graph::OkoFile file = graph::read_oko(bytes, name, graph::Verify::kChecksum);
  Checkpoint checkpoint;
  checkpoint.position = position_from_json(json_get<Json>(file.network.metadata, "position", name),
                                           name, head_kind(file.network, name).loss_parts());
  checkpoint.network = std::move(file.network);
  checkpoint.network.metadata.erase("position");
  checkpoint.extra = std::move(file.extra);
  checkpoint.uri = name;
  return checkpoint;
}

std::string write_checkpoint(run::Writer& writer, const std::string& folder, Checkpoint checkpoint,
                             int keep) {
  const std::string uri =
      storage::join(folder, fmt::format("step-{:08}.oko", checkpoint.position.step));
  writer.write_checkpoint(
      uri, [checkpoint = std::move(checkpoint)] { return checkpoint_bytes(checkpoint); },
      [folder, keep] { prune(folder, static_cast<std::size_t>(keep)); });
  return uri;
}

std::optional<Checkpoint> read_newest_checkpoint(const std::string& folder,
                                                 std::vector<std::string>& skipped) {
  if (!storage::exists(folder)) return std::nullopt;
  const auto all = list_checkpoints(folder);
  for (auto uri = all.rbegin(); uri != all.rend(); ++uri) {
    try {
      return read_checkpoint(storage::read(*uri), *uri);
    } catch (const Error& e) {
      // A usage error: a model without a head that can be trained. Other errors say nothing of the
      // file, for example if the network failed.
      if (e.code() != ErrorCode::kInput && e.code() != ErrorCode::kUsage) throw;
      skipped.emplace_back(e.what());
    }
  }
  if (all.empty()) return std::nullopt;
  throw input_error(folder, "no checkpoint in it can be read: " + skipped.front(),
                    "restore one, or start another run with another --out");
}

std::string newest_checkpoint(const std::string& folder) {
  if (!storage::exists(folder)) return "";
  const auto all = list_checkpoints(folder);
  return all.empty() ? "" : all.back();
}

}  // namespace oko::train
