#include "oko/train/probe.h"

#include <stdlib.h>

#include <algorithm>
#include <ctime>
#include <utility>
#include <vector>

#include "oko/base/clock.h"
#include "oko/base/threads.h"
#include "oko/train/engine.h"
#include "oko/train/estimate.h"
#include "oko/train/from.h"
#include "oko/train/learner.h"
#include "oko/train/setup.h"
#include "oko/train/validate.h"

namespace oko::train {
namespace {

// Parts of the time, and how much is done at least.
constexpr double kLoadingPart = .15, kTrainingPart = .6, kValidatingPart = .15;
constexpr std::size_t kMostImages = 64, kFewestImages = 8;
constexpr int kWarmUp = 2, kFewestUpdates = 4, kMostUpdates = 200;

// Of all threads of this process, so other programs on the machine do not count.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double load_average() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? load : 0;
}

// At most `count` samples, evenly spread over the dataset.
dataset::Dataset some_of(const dataset::Dataset& all, std::size_t count) {
  dataset::Dataset some = dataset::empty_like(all);
  count = std::min(count, all.samples.size());
  for (std::size_t i = 0; i < count; ++i) {
    some.samples.push_back(all.samples[i * all.samples.size() / count]);
  }
  return some;
}

std::int64_t decoded_bytes(const dataset::Dataset& data) {
  std::int64_t bytes = 0;
  for (const auto& s : data.samples) bytes += std::int64_t{3} * s.size.width * s.size.height;
  return bytes;
}

// The part of an epoch's images that is in memory from the second epoch on.
double cached_part(double cache_bytes, double bytes) {
  return bytes > 0 ? std::min(1., cache_bytes / bytes) : 1;
}

// `idle`: seconds of one core divided by the cores. Where other programs take a part of them now,
// a run that lasts may be as fast as that.
cost::Range spread_of(std::vector<double> values, double idle) {
  std::ranges::sort(values);
  const auto at = [&](double part) {
    return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1) + .5)];
  };
  // Few repeats in a short time: never narrower than a tenth.
  const double likely = at(.5);
  return {std::min({at(.1), likely / 1.1, idle}), likely, std::max(at(.9), likely * 1.1)};
}

// Passes batches through a network and adds up what that took.
class TimedEngine final : public detect::Engine {
 public:
  explicit TimedEngine(detect::Engine& engine) : engine_(engine) {}
  std::vector<std::vector<detect::HeadMap>> run(std::span<const float> inputs, int batch) override {
    const double start = cpu_seconds();
    auto maps = engine_.run(inputs, batch);
    cpu += cpu_seconds() - start;
    return maps;
  }
  double cpu = 0;

 private:
  detect::Engine& engine_;
};

class Prober {
 public:
  Prober(Setup setup, double seconds, Progress& progress)
      : setup_(std::move(setup)),
        seconds_(seconds),
        progress_(progress),
        learner_(make_learner(setup_.network, setup_.recipe)) {}

  ProbeResult run() {
    result_.probe.device = learner_->description();
    result_.probe.cores = threads();
    progress_.begin("probing", 3, "parts");
    const dataset::Dataset images = some_of(setup_.train, kMostImages);
    time_loading(images);
    progress_.advance();
    time_updates(images);
    progress_.advance();
    if (!setup_.val.samples.empty()) time_validation();
    progress_.end();
    result_.probe.load_average = load_average();
    result_.recipe = setup_.recipe;
    result_.images = std::ssize(setup_.train.samples);
    result_.val_images = std::ssize(setup_.val.samples);
    result_.network = std::move(setup_.network);
    return std::move(result_);
  }

 private:
  const Recipe& recipe() const { return setup_.recipe; }
  int threads() const { return recipe().threads > 0 ? recipe().threads : available_processors(); }

  // Of the network's own input size.
  dataset::LoaderOptions loading(int batch) const {
    dataset::LoaderOptions options = loader_options(setup_, false);
    options.sizes.clear();
    options.batch = batch;
    return options;
  }

  // Seconds of one core per image, until the time is over or the epoch ends.
  static double load_some(dataset::Loader& loader, int epoch, double seconds) {
    const auto start = Clock::now();
    const double cpu = cpu_seconds();
    std::size_t images = 0;
    loader.start(epoch);
    while (auto batch = loader.next()) {
      images += batch->samples.size();
      loader.recycle(std::move(*batch));
      if (images >= kFewestImages && seconds_since(start) > seconds) break;
    }
    return (cpu_seconds() - cpu) / static_cast<double>(std::max<std::size_t>(images, 1));
  }

  // Images of the first epoch are decoded, those of later ones are in memory as far as they fit.
  void time_loading(const dataset::Dataset& images) {
    const double each = seconds_ * kLoadingPart / 2;
    dataset::LoaderOptions options = loading(1);
    options.ahead = 2 * threads();
    options.drop_last = false;
    const double part = cached_part(static_cast<double>(options.cache_bytes),
                                    static_cast<double>(decoded_bytes(setup_.train)));
    options.cache_bytes = 0;
    dataset::Loader fresh(images, options);
    const double decoding = load_some(fresh, 0, each);
    options.cache_bytes = std::size_t{1} << 30;
    dataset::Loader cached(images, options);
    load_some(cached, 0, each);
    const double again = std::min(decoding, load_some(cached, 0, each));
    result_.probe.load = part * again + (1 - part) * decoding;
  }

  // The run's own batch, unless a few of them would take far longer than the time: every update has
  // a fixed part, so smaller batches are slower than they should be. A single image even more so.
  int batch_size() {
    constexpr double kPatience = 3;
    const double seconds = learner_->measure(1);
    const double fitting = kPatience * seconds_ / (kWarmUp + kFewestUpdates) / seconds;
    return std::clamp(static_cast<int>(fitting), 1, recipe().batch);
  }

  struct Update {
    double images, rest;  // seconds: for an image, with waiting for it; for the update
  };

  Update update(const dataset::Batch& batch, std::int64_t step) {
    const auto count = static_cast<double>(batch.truths.size());
    const auto start = Clock::now();
    learner_->begin_update();
    learner_->accumulate(batch, step, 1 / count, true);
    const double images = seconds_since(start) + batch.waited_seconds;
    const auto then = Clock::now();
    learner_->clip_gradient();
    learner_->update(1e-6);  // the weights stay what they are
    return {images / count, seconds_since(then)};
  }

  void time_updates(const dataset::Dataset& images) {
    const auto start = Clock::now();
    const int batch_count = batch_size();
    dataset::LoaderOptions options =
        loading(std::min<int>(batch_count, static_cast<int>(images.samples.size())));
    dataset::Loader loader(images, options);
    load_some(loader, 0, seconds_ * kLoadingPart);
    const double updates_per_image = 1. / (recipe().batch * recipe().accumulate);
    std::vector<double> seconds;
    double cpu = cpu_seconds(), count = 0;
    loader.start(1);
    for (int step = -kWarmUp; step < kMostUpdates;) {
      auto batch = loader.next();
      if (!batch) {
        loader.start(step + kWarmUp + 2);
        continue;
      }
      const auto size = static_cast<double>(batch->samples.size());
      const Update taken = update(*batch, step + kWarmUp);
      loader.recycle(std::move(*batch));
      if (step++ >= 0) {
        seconds.push_back(taken.images + taken.rest * updates_per_image);
        count += size;
      } else {
        cpu = cpu_seconds();
      }
      if (step >= kFewestUpdates && seconds_since(start) > seconds_ * kTrainingPart) break;
    }
    result_.probe.updates = static_cast<int>(seconds.size());
    result_.probe.train = spread_of(std::move(seconds), (cpu_seconds() - cpu) / count / threads());
  }

  // The first pass prepares the images, later ones find them in memory as far as they fit.
  void time_validation() {
    graph::Network network = setup_.network;
    network.weights = learner_->averaged_weights();
    const auto engine = make_torch_engine(network, {threads(), recipe().device});
    TimedEngine timed(*engine);
    // Three passes, at a third of training's time for an image.
    const double fitting = seconds_ * kValidatingPart / result_.probe.train.likely;
    const dataset::Dataset images = some_of(
        setup_.val, std::clamp(static_cast<std::size_t>(fitting), kFewestImages, kMostImages));
    const auto count = static_cast<double>(images.samples.size());
    Validation validation(images, network, threads(), kValidationCache);
    NoProgress quiet;
    struct Pass {
      double seconds, all_cpu, cpu;  // of an image; of a core; of that, apart from the network
    };
    const auto pass = [&]() -> Pass {
      timed.cpu = 0;
      const auto start = Clock::now();
      const double cpu = cpu_seconds();
      validation.run(timed, network, loss_options(recipe()), recipe().batch, quiet);
      const double all = cpu_seconds() - cpu;
      return {seconds_since(start) / count, all / count, (all - timed.cpu) / count};
    };
    const auto start = Clock::now();
    const Pass first = pass();
    std::vector<Pass> later;
    do {
      later.push_back(pass());
    } while (later.size() < 2 || seconds_since(start) < seconds_ * kValidatingPart);
    const double part = cached_part(static_cast<double>(kValidationCache),
                                    static_cast<double>(setup_.val.samples.size()) *
                                        static_cast<double>(network.input.count()) * sizeof(float));
    std::vector<double> seconds;
    for (const Pass& one : later) {
      seconds.push_back(part * one.seconds + (1 - part) * std::max(first.seconds, one.seconds));
    }
    const double cpu = std::max(0., later.back().cpu);
    result_.probe.judge = part * cpu + (1 - part) * std::max(cpu, first.cpu);
    result_.probe.validate = spread_of(std::move(seconds), later.back().all_cpu / threads());
  }

  Setup setup_;
  const double seconds_;
  Progress& progress_;
  std::unique_ptr<Learner> learner_;
  ProbeResult result_;
};

// Sides are drawn evenly from the loader's sizes.
double mean_area(const Setup& setup) {
  const std::vector<image::Size> sizes = loader_options(setup, false).sizes;
  if (sizes.empty()) return 1;
  double area = 0;
  for (const image::Size size : sizes) area += static_cast<double>(size.width) * size.height;
  return area / static_cast<double>(sizes.size()) /
         (static_cast<double>(setup.network.input.width) * setup.network.input.height);
}

}  // namespace

ProbeResult probe(Recipe recipe, const ProbeOptions& options, Progress& progress) {
  keep_freed_memory();
  recipe.check = false;                    // it opens every image
  if (known_weights(recipe) != nullptr) {  // they do not change what a step takes
    recipe.from = kFromNone;
    recipe.frozen_epochs = -1;
  }
  const bool chooses_batch = recipe.batch == 0;
  NoProgress quiet;
  Setup setup = set_up(std::move(recipe), quiet);
  if (chooses_batch && options.images > 0) setup.recipe.batch = usual_batch(options.images);
  const double area = mean_area(setup);
  ProbeResult result = Prober(std::move(setup), options.seconds, progress).run();
  result.mean_area = area;
  result.probe.train = result.probe.train * area;
  return result;
}

}  // namespace oko::train
