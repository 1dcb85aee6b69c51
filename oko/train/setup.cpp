#include "oko/train/setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "oko/base/error.h"
#include "oko/train/setup_steps.h"

namespace oko::train {

void check_batch(int batch, int workers) {
  if (batch >= workers) return;
  throw Error(ErrorCode::kUsage, fmt::format("--batch {}", batch),
              fmt::format("there are {} workers, and each needs an image of every batch", workers),
              "give a larger batch, or start fewer workers");
}

namespace {

void choose_numbers(Setup& setup) {
  Recipe& r = setup.recipe;
  const int pictures = static_cast<int>(setup.train.samples.size());
  if (r.batch == 0) r.batch = std::max(usual_batch(pictures), setup.shares);
  r.batch = std::min(r.batch, pictures);
  check_batch(r.batch, setup.shares);
  r.frozen_epochs = std::min(r.frozen_epochs, r.epochs);
}

}  // namespace

void note(Setup& setup, Progress& progress, std::string line) {
  progress.line(line);
  setup.notes.push_back(std::move(line));
}

Setup set_up(Recipe recipe, Progress& progress, const ResumedRun* resumed, Workers* workers) {
  Setup setup;
  if (workers != nullptr) {
    setup.share = workers->rank();
    setup.shares = workers->size();
  }
  setup.asked = asked_by(recipe);
  setup.recipe = std::move(recipe);
  check_recipe(setup.recipe);
  read_data(setup, resumed, progress);
  if (workers != nullptr) {
    check_same_data(setup, *workers);
    if (!workers->leads()) {
      share_setup(setup, *workers);
      return setup;
    }
  }
  make_network(setup);
  find_weights(setup, progress);
  take_pretrained(setup, progress);
  choose_anchors(setup, progress);  // as images are fed to the pretrained model
  choose_numbers(setup);
  if (resumed != nullptr && resumed->network != nullptr) {
    check_same_network(setup, *resumed->network);
  }
  if (workers != nullptr) share_setup(setup, *workers);
  return setup;
}

LossOptions loss_options(const Recipe& recipe) {
  LossOptions options;
  options.kind = recipe.loss;
  options.box_gain = static_cast<float>(recipe.box_gain);
  options.label_smoothing = static_cast<float>(recipe.label_smoothing);
  return options;
}

dataset::LoaderOptions loader_options(const Setup& setup, bool plain) {
  const Recipe& r = setup.recipe;
  dataset::LoaderOptions options;
  options.input = input_size(setup.network);
  options.preprocess = setup.network.preprocess;
  if (r.augment) {
    options.augmentation.scale_low = r.scale_low;
    options.augmentation.scale_high = r.scale_high;
    options.augmentation.jitter = r.jitter;
    options.augmentation.translate = r.translate;
    options.augmentation.flip = r.flip;
    options.augmentation.hue = r.hue;
    options.augmentation.saturation = r.saturation;
    options.augmentation.value = r.value;
    options.augmentation.mosaic = plain ? 0 : r.mosaic;
    options.augmentation.mixup = plain ? 0 : r.mixup;
  } else {
    options.augmentation = dataset::Augmentation::none();
  }
  options.batch = r.batch;
  options.seed = r.seed;
  options.drop_last = true;
  options.share = setup.share;
  options.shares = setup.shares;
  options.threads = r.loader_threads;
  options.cache_bytes = static_cast<std::size_t>(r.cache_mb) << 20;
  if (r.multi_scale > 0) {
    const auto side = [](int full, int steps) { return full + 32 * steps; };
    const int reach = static_cast<int>(r.multi_scale * options.input.width / 32);
    for (int k = -reach; k <= reach; ++k) {
      if (std::min(side(options.input.width, k), side(options.input.height, k)) < 64) continue;
      options.sizes.push_back({side(options.input.width, k), side(options.input.height, k)});
    }
  }
  return options;
}

}  // namespace oko::train
