#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "oko/base/progress.h"
#include "oko/base/threads.h"
#include "oko/dataset/dataset.h"
#include "oko/detect/detector.h"
#include "oko/run/evaluate.h"
#include "oko/train/head.h"
#include "oko/train/workers.h"

namespace oko::train {

// Memory for it in a run.
inline constexpr std::size_t kValidationCache = std::size_t{1} << 30;

// The validation split, letterboxed once and kept in memory if it fits, so that evaluating every
// epoch costs little compared with training.
class Validation {
 public:
  // `dataset` must outlive it; its class ids must be the network's.
  Validation(const dataset::Dataset& dataset, const graph::Network& network, int threads,
             std::size_t cache_bytes);

  struct Result {
    LossSums loss;  // over images
    run::Evaluation evaluation;
  };
  // Loss and metrics from one pass of the engine, `batch` images at a time. Of several workers each
  // runs some of these batches; all have the whole result, the same as that of one.
  Result run(detect::Engine& engine, const graph::Network& network, const LossOptions& loss,
             int batch, Progress& progress, Workers* workers = nullptr);

 private:
  struct Item {
    std::vector<float> input;  // empty until prepared, or if it did not fit
    image::Placement placement;
    std::vector<dataset::Truth> truths;
  };
  Item prepare(std::size_t index) const;
  // Of an image, as far as this worker has measured it.
  struct Measured {
    LossSums loss;
    std::vector<detect::Detection> found;
  };
  using Range = std::pair<std::size_t, std::size_t>;  // of images: the first, and after the last
  void measure(const Range& images, detect::Engine& engine, const graph::Network& network,
               const LossOptions& loss, std::vector<Measured>& results);
  static void exchange(std::vector<Measured>& all, std::span<const LossPart> parts,
                       Workers& workers);
  LossSums loss_of(const Item& item, const graph::Network& network,
                   std::span<const detect::HeadMap> maps, const LossOptions& options) const;
  void read_ahead(std::span<const Range> batches) const;  // the items still to be prepared

  const dataset::Dataset& dataset_;
  image::Size size_;
  image::Preprocess preprocess_;
  ThreadPool pool_;
  std::size_t kept_;  // the first N items stay in memory
  std::vector<Item> items_;
};

}  // namespace oko::train
