#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "oko/dataset/augment.h"
#include "oko/dataset/dataset.h"

namespace oko::dataset {

// For validation: Augmentation::none() and shuffle = false.
struct LoaderOptions {
  image::Size input{416, 416};
  image::Preprocess preprocess;
  Augmentation augmentation;
  int batch = 8;
  std::uint64_t seed = 1;
  bool shuffle = true;     // order drawn from (seed, epoch); false: the dataset's order
  bool drop_last = false;  // drop an incomplete last batch
  // Of several workers that share the batches: which part of every batch this one prepares. The
  // parts are as equal as possible, and together exactly the batches of a single worker.
  int share = 0, shares = 1;
  // Multi-scale: every `scale_every` batches a side is drawn from these (empty: always `input`).
  std::vector<image::Size> sizes;
  int scale_every = 10;
  int threads = 0;                                 // 0: all processors
  int ahead = 4;                                   // batches prepared ahead
  std::size_t cache_bytes = std::size_t{1} << 30;  // decoded pictures kept in memory
};

struct Batch {
  int index = 0;                           // in its epoch
  image::Size size;                        // of the inputs
  std::vector<float> inputs;               // count × 3 × height × width
  std::vector<std::vector<Truth>> truths;  // of each picture
  std::vector<std::size_t> samples;        // indices in the dataset
  // The samples of the whole batch. This is all of it, or with LoaderOptions::shares the part that
  // begins at `first`.
  std::vector<std::size_t> whole;
  std::size_t first = 0;
  double waited_seconds = 0;  // how long next() waited for it
};

// Prepares batches on its own threads. A batch's content depends only on (seed, epoch, batch
// index, options without threads, ahead and cache), never on timing: start(epoch, k) gives exactly
// the batches of an uninterrupted epoch from k on. Single caller. The dataset must outlive the
// loader.
class Loader {
 public:
  // Throws a usage Error if the dataset is empty, a share would be, or an option is invalid.
  Loader(const Dataset& dataset, LoaderOptions options);
  Loader(Dataset&& dataset, LoaderOptions options) = delete;
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  int batches_per_epoch() const;
  // Starts an epoch at one of its batches; drops batches in preparation.
  void start(int epoch, int first_batch = 0);
  // The next batch, or nothing at the epoch's end. An image that cannot be read throws its Error
  // instead of its batch; the next call continues with the following batch.
  std::optional<Batch> next();
  // Recycles a batch's memory, which saves the system from clearing it again.
  void recycle(Batch batch);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace oko::dataset
