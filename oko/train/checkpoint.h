#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "oko/graph/oko_file.h"
#include "oko/run/writer.h"
#include "oko/train/verdict.h"

namespace oko::train {

// Where a run stands: everything beside numbers in tensors.
struct Position {
  std::int64_t step = 0;  // updates done
  int stage = 1;          // 1 frozen, 2 full
  int epoch = 0;          // counted over both stages
  int batch = 0;          // next batch of that epoch
  std::uint64_t log_bytes = 0;
  LossParts epoch_sum;  // of the batches of this epoch so far, summed over pictures
  std::int64_t epoch_pictures = 0;
  double best_fitness = -1;
  int best_epoch = -1;
  double smoothed_loss = 0, lowest_loss = 0;  // for telling divergence
  std::int64_t smoothed_steps = 0;
  Json schedule = Json::object();
  std::vector<EpochSummary> epochs;
};

// A checkpoint is an .oko file: the network with its present weights, optimizer and EMA tensors
// beside them, the position in its metadata. Any .oko reader opens it as a model.
struct Checkpoint {
  graph::Network network;
  graph::Weights extra;  // optimizer.*, ema.*
  Position position;
  std::string uri;  // where it was read
};

// Has it written whole as <folder>/step-<8 digits>.oko, and then all but the newest `keep` removed.
// The file's bytes are made on the writer's thread too: tensors must be nobody else's. Returns its
// URI; run::Writer says when it becomes visible, and that a newer one may take its place.
std::string write_checkpoint(run::Writer& writer, const std::string& folder, Checkpoint checkpoint,
                             int keep = 2);

// The newest one that is whole and matches its checksum; broken newer ones are told in `skipped`.
// Nothing where there is none at all; an input Error where all are broken.
std::optional<Checkpoint> read_newest_checkpoint(const std::string& folder,
                                                 std::vector<std::string>& skipped);

// The newest one's URI, broken or not; empty where there is none. Only lists.
std::string newest_checkpoint(const std::string& folder);

}  // namespace oko::train
