#include "oko/dataset/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>

#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/dataset/pictures.h"

namespace oko::dataset {
namespace {

// Ids of the random streams. Each purpose has its own seed, so that order, sizes and images are
// drawn independently.
constexpr std::uint64_t kOrderSeed = 0x6f72646572ULL, kSizeSeed = 0x73697a65ULL;

std::uint64_t stream(int epoch, std::size_t position) {
  return (static_cast<std::uint64_t>(epoch) << 32) | static_cast<std::uint64_t>(position);
}

std::size_t floats_of(image::Size size) {
  return static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) * 3;
}

// The largest input size; 0×0 without augmentation, as the full image is then letterboxed as in
// evaluation.
image::Size largest_input(const LoaderOptions& options) {
  if (options.augmentation == Augmentation::none()) return {};
  image::Size largest = options.sizes.empty() ? options.input : image::Size{};
  for (const image::Size size : options.sizes) {
    largest = {std::max(largest.width, size.width), std::max(largest.height, size.height)};
  }
  return largest;
}

void check(const Dataset& dataset, const LoaderOptions& options) {
  const auto refuse = [&](const char* message) {
    throw Error(ErrorCode::kUsage, dataset.uri, message);
  };
  if (dataset.samples.empty()) refuse("there are no images to load");
  if (options.batch < 1) refuse("the batch must have at least one image");
  if (options.scale_every < 1) refuse("the input size can change at most once per batch");
  if (options.threads < 0 || options.ahead < 0) refuse("threads and ahead cannot be negative");
  if (options.share < 0 || options.share >= options.shares) refuse("there is no such share");
  if (options.batch < options.shares) refuse("a batch has fewer images than there are shares");
  const auto empty = [](image::Size size) { return size.width < 1 || size.height < 1; };
  if (empty(options.input) || std::any_of(options.sizes.begin(), options.sizes.end(), empty)) {
    refuse("the input must be at least one pixel wide and high");
  }
}

// A batch in preparation, shared by the loader and the tasks that fill it.
struct Slot {
  Batch batch;
  std::once_flag sized;
  std::atomic<bool> dropped{false};  // no longer needed
  std::size_t left = 0;              // images still missing; guarded by State::mutex, like error
  std::size_t error_at = 0;
  std::exception_ptr error;  // of the first failed image in the batch
};

}  // namespace

struct Loader::State {
  State(const Dataset& dataset, LoaderOptions given)
      : options(std::move(given)),
        pictures(dataset, largest_input(options), options.preprocess, options.cache_bytes),
        order(dataset.samples.size()),
        pool(options.threads > 0 ? options.threads : available_processors()) {}
  ~State() { drop(); }

  int batches() const {
    const int count = static_cast<int>(order.size());
    return options.drop_last ? count / options.batch : (count + options.batch - 1) / options.batch;
  }

  void drop() {
    for (const auto& slot : slots) slot->dropped = true;
    slots.clear();
  }

  void draw_order() {
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (!options.shuffle) return;
    Random random(options.seed ^ kOrderSeed, static_cast<std::uint64_t>(epoch));
    random.shuffle(std::span(order));
  }

  // Positions in `order`.
  struct Range {
    std::size_t first, last;
    std::size_t size() const { return last - first; }
  };
  Range whole_batch(int index) const {
    const auto size = static_cast<std::size_t>(options.batch);
    const std::size_t first = static_cast<std::size_t>(index) * size;
    return {std::min(first, order.size()), std::min(first + size, order.size())};
  }
  Range share_of(const Range& batch) const {
    const auto border = [&](int share) {
      return batch.first + batch.size() * static_cast<std::size_t>(share) /
                               static_cast<std::size_t>(options.shares);
    };
    return {border(options.share), border(options.share + 1)};
  }
  std::vector<std::size_t> samples_of(const Range& range) const {
    return {order.begin() + static_cast<std::ptrdiff_t>(range.first),
            order.begin() + static_cast<std::ptrdiff_t>(range.last)};
  }

  // The pictures of this epoch that are still to come.
  std::vector<std::size_t> rest() const {
    std::vector<std::size_t> all;
    for (int batch = next_batch; batch < batches(); ++batch) {
      const std::vector<std::size_t> own = samples_of(share_of(whole_batch(batch)));
      all.insert(all.end(), own.begin(), own.end());
    }
    return all;
  }

  image::Size size_of(int batch) const {
    if (options.sizes.empty()) return options.input;
    Random random(options.seed ^ kSizeSeed,
                  stream(epoch, static_cast<std::size_t>(batch / options.scale_every)));
    return options.sizes[random.below(options.sizes.size())];
  }

  // Gives the pool work until `ahead` batches (at least one) are in progress.
  void fill() {
    while (next_batch < batches() &&
           slots.size() < static_cast<std::size_t>(std::max(options.ahead, 1))) {
      open(next_batch++);
    }
  }

  void open(int index) {
    auto slot = std::make_shared<Slot>();
    const Range whole = whole_batch(index), own = share_of(whole);
    Batch& batch = slot->batch;
    if (!spare.empty()) {
      batch.inputs = std::move(spare.back());
      spare.pop_back();
    }
    batch.index = index;
    batch.size = size_of(index);
    batch.samples = samples_of(own);
    batch.whole = samples_of(whole);
    batch.first = own.first - whole.first;
    batch.truths.resize(own.size());
    slot->left = own.size();
    slots.push_back(slot);
    for (std::size_t i = 0; i < own.size(); ++i) {
      const Random random(options.seed, stream(epoch, own.first + i));
      pool.post([this, slot, i, random] { make(*slot, i, random); });
    }
  }

  // One picture of a batch, on a thread of the pool.
  void make(Slot& slot, std::size_t i, Random random) {
    if (slot.dropped) return;
    std::exception_ptr error;
    try {
      Batch& batch = slot.batch;
      const std::size_t count = floats_of(batch.size);
      std::call_once(slot.sized, [&] { batch.inputs.resize(batch.samples.size() * count); });
      batch.truths[i] = augment_into(pictures, batch.samples[i], batch.size, options.preprocess,
                                     options.augmentation, random,
                                     std::span(batch.inputs).subspan(i * count, count));
    } catch (...) {
      error = std::current_exception();
    }
    std::lock_guard lock(mutex);
    if (error && (!slot.error || i < slot.error_at)) {
      slot.error = std::move(error);
      slot.error_at = i;
    }
    if (--slot.left == 0) ready.notify_one();
  }

  const LoaderOptions options;
  CachedPictures pictures;
  std::vector<std::size_t> order;
  int epoch = 0, next_batch = 0;
  std::deque<std::shared_ptr<Slot>> slots;  // in the order of their batches
  std::vector<std::vector<float>> spare;

  std::mutex mutex;
  std::condition_variable ready;
  ThreadPool pool;  // last: its threads end before anything they use
};

Loader::Loader(const Dataset& dataset, LoaderOptions options) {
  check(dataset, options);
  state_ = std::make_unique<State>(dataset, std::move(options));
}

Loader::~Loader() = default;

int Loader::batches_per_epoch() const { return state_->batches(); }

void Loader::start(int epoch, int first_batch) {
  State& state = *state_;
  state.drop();
  state.epoch = epoch;
  state.next_batch = std::max(first_batch, 0);
  state.draw_order();
  state.pictures.read_ahead(state.rest());
  state.fill();
}

std::optional<Batch> Loader::next() {
  State& state = *state_;
  if (state.slots.empty()) return std::nullopt;
  const std::shared_ptr<Slot> slot = state.slots.front();
  const auto begin = std::chrono::steady_clock::now();
  {
    std::unique_lock lock(state.mutex);
    state.ready.wait(lock, [&] { return slot->left == 0; });
  }
  const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - begin;
  state.slots.pop_front();
  state.fill();
  if (slot->error) std::rethrow_exception(slot->error);
  slot->batch.waited_seconds = waited.count();
  return std::move(slot->batch);
}

void Loader::recycle(Batch batch) {
  if (state_->spare.size() <= static_cast<std::size_t>(state_->options.ahead)) {
    state_->spare.push_back(std::move(batch.inputs));
  }
}

}  // namespace oko::dataset
