#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "oko/graph/oko_file.h"
#include "oko/run/writer.h"
#include "oko/train/divergence.h"
#include "oko/train/verdict.h"

namespace oko::train {

// The state of a run, except the tensors.
struct Position {
  std::int64_t step = 0;  // updates done
  int stage = 1;          // 1 frozen, 2 full
  int epoch = 0;          // counted across both stages
  int batch = 0;          // next batch of that epoch
  std::uint64_t log_bytes = 0;
  LossSums epoch_sum;  // over the images of this epoch's batches so far
  std::int64_t epoch_pictures = 0;
  double best_fitness = -1;
  int best_epoch = -1;
  LossTrend trend;
  Json schedule = Json::object();
  std::vector<EpochSummary> epochs;

  // Of this epoch so far, per image.
  LossSums mean_loss() const;
  // At the first batch of an epoch.
  void begin_epoch();
};

// A checkpoint is an .oko file: the network with its current weights, the optimizer and EMA
// tensors, and the position in its metadata. Any .oko reader opens it as a model.
struct Checkpoint {
  graph::Network network;
  graph::Weights extra;  // optimizer.*, ema.*
  Position position;
  std::string uri;  // where it was read from
};

// The content of its file, and back. read_checkpoint() throws an input Error at `name`, or a usage
// Error for a model without a head that can be trained.
std::vector<std::byte> checkpoint_bytes(Checkpoint checkpoint);
Checkpoint read_checkpoint(const Bytes& bytes, const std::string& name);

// Queues it to be written atomically as <folder>/step-<8 digits>.oko, and all but the newest `keep`
// to be removed. It is also serialized on the writer's thread: the tensors must not be shared.
// Returns its URI; run::Writer documents when it becomes visible, and that a newer one may replace
// it.
std::string write_checkpoint(run::Writer& writer, const std::string& folder, Checkpoint checkpoint,
                             int keep = 2);

// The newest intact one and matches its checksum; broken newer ones are listed in `skipped`.
// Nothing if there are none; throws an input Error if all are broken.
std::optional<Checkpoint> read_newest_checkpoint(const std::string& folder,
                                                 std::vector<std::string>& skipped);

// The URI of the newest one, broken or not; empty if there is none. Only lists, reads nothing.
std::string newest_checkpoint(const std::string& folder);

}  // namespace oko::train
