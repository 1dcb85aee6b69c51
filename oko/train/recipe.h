#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "oko/base/json.h"
#include "oko/base/words.h"
#include "oko/dataset/read_options.h"
#include "oko/train/choices.h"

namespace oko::train {

// Everything that determines what a run computes; stored in run.toml. Zero and "auto" mean: chosen
// from the data, the network and the machine, and recorded as chosen.
struct Recipe {
  // data
  std::string dataset, format, classes;
  dataset::BoxPixels exif = dataset::BoxPixels::kAuto;
  std::string train_split = "train", val_split = "val";
  double val_part = .1;
  bool check = true;
  // network
  std::string network = "nanodet-plus";
  int width = 0, height = 0;
  std::string anchors = "auto";
  std::string from = "auto";
  // schedule
  int frozen_epochs = -1, epochs = 100;
  int batch = 0, accumulate = 1;
  OptimizerKind optimizer = OptimizerKind::kAdamW;
  ScheduleKind schedule = ScheduleKind::kCosine;
  double frozen_rate = 1e-3, rate = 1e-3, final_factor = .02;
  double warmup_epochs = 2, momentum = .9, weight_decay = 5e-4, clip = 10;
  double ema = .998, statistics = .95;
  bool sync_batch_norm = false;
  int patience = 0;
  // loss
  LossKind loss = LossKind::kCiou;
  double box_gain = 3, label_smoothing = 0;
  // augmentation
  bool augment = true;
  double scale_low = .5, scale_high = 1.5, jitter = .2, translate = .2, flip = .5;
  double hue = .015, saturation = 1.5, value = 1.5;
  double mosaic = .5, mixup = 0;
  int plain_epochs = 10;
  double multi_scale = 0;
  // machine
  std::string device = "auto";
  ComputeType precision = ComputeType::kAuto;
  int threads = 0, loader_threads = 0;
  int cache_mb = 1024;
  double checkpoint_minutes = 5;
  std::uint64_t seed = 1;
};

// The values that an option that is a number may have, both included.
struct RecipeRange {
  double low = 0, high = 0;
};

// One option of a recipe, under its name in run.toml, --recipe files and flags.
struct RecipeOption {
  const char* section;
  const char* key;
  const char* help;
  const char* value;  // what help calls the value of a text: "FILE"
  // Whether --resume accepts a new value. The others determine what every step computes: the run
  // would be neither the original one nor a new one.
  bool on_resume;
  RecipeRange range;                        // of a number
  std::span<const std::string_view> words;  // of a choice
};

inline constexpr double kMostSeed = 9223372036854775807.;  // TOML's integers end with 2^63 - 1
inline constexpr double kMostScale = 10;

// What help says of an option.
struct RecipeHelp {
  RecipeHelp(const char* text_, const char* value_ = "NAME",
             std::span<const std::string_view> words_ = {})
      : text(text_), value(value_), words(words_) {}
  const char* text;
  const char* value;
  std::span<const std::string_view> words;
};

std::span<const std::string_view> dataset_formats();  // their names

// Calls visitor(option, field) for every field, in the order of run.toml. The single list behind
// run.toml, --recipe files and command-line flags.
template <typename R, typename Visitor>
void visit_recipe(R& r, Visitor&& visitor) {
  const auto visit = [&](bool on_resume, const char* section, const char* key, auto& field,
                         const RecipeHelp& help, auto... range) {
    using T = std::decay_t<decltype(field)>;
    static_assert(sizeof...(range) == (std::is_arithmetic_v<T> && !std::is_same_v<T, bool> ? 2 : 0),
                  "a number, and nothing else, has a smallest and a largest value");
    RecipeOption option{section,    key,       help.text,
                        help.value, on_resume, {static_cast<double>(range)...},
                        help.words};
    if constexpr (Worded<T>) option.words = kWords<T>;
    visitor(option, field);
  };
  const auto fixed = [&](auto&&... about) { visit(false, about...); };
  const auto changeable = [&](auto&&... about) { visit(true, about...); };
  changeable("data", "dataset", r.dataset, "Folder or annotation file of the labelled images");
  changeable("data", "format", r.format,
             RecipeHelp("Format of the dataset (default: detected)", "FORMAT", dataset_formats()));
  changeable("data", "classes", r.classes,
             RecipeHelp("File with one class name per line, in the order to use", "FILE"));
  changeable("data", "exif", r.exif, "What boxes refer to in images that EXIF rotates");
  fixed("data", "train_split", r.train_split, "Split to train on");
  fixed("data", "val_split", r.val_split, "Split to evaluate on");
  fixed("data", "val_part", r.val_part, "Fraction held out if the dataset has no validation split",
        0, .9);
  changeable("data", "check", r.check, "Open every image before training and check for errors");
  fixed("network", "network", r.network, RecipeHelp("Built-in name or a .cfg file", "NAME|FILE"));
  fixed("network", "width", r.width, "Input width in pixels, a multiple of 32 (0: the network's)",
        0, 1 << 16);
  fixed("network", "height", r.height, "Input height in pixels (0: the network's)", 0, 1 << 16);
  fixed("network", "anchors", r.anchors,
        RecipeHelp("auto (keep if they fit), data (cluster), default, or w,h, w,h, … in pixels",
                   "ANCHORS"));
  fixed("network", "from", r.from,
        RecipeHelp("Pretrained weights: auto (known ones of the network, downloaded once), none, "
                   "a name in oko weights list, a model of any format, or .weights or their first "
                   "layers",
                   "NAME|FILE"));
  fixed("schedule", "frozen_epochs", r.frozen_epochs,
        "Epochs with the pretrained layers frozen (-1: a tenth, 0 without such layers)", -1, 1e6);
  changeable("schedule", "epochs", r.epochs, "Total epochs", 1, 1e6);
  fixed("schedule", "batch", r.batch, "Images per batch (0: 16, fewer for a small dataset)", 0,
        4096);
  fixed("schedule", "accumulate", r.accumulate,
        "Batches whose gradients are accumulated before an update", 1, 4096);
  fixed("schedule", "optimizer", r.optimizer, "Optimizer");
  fixed("schedule", "schedule", r.schedule, "How the learning rate changes");
  fixed("schedule", "frozen_rate", r.frozen_rate, "Learning rate of the frozen stage", 0, 10);
  fixed("schedule", "rate", r.rate, "Learning rate of the full stage", 0, 10);
  fixed("schedule", "final_factor", r.final_factor, "cosine: fraction of the rate left at the end",
        0, 1);
  fixed("schedule", "warmup_epochs", r.warmup_epochs, "Epochs over which the rate grows from 0", 0,
        1e6);
  fixed("schedule", "momentum", r.momentum, "Momentum of sgd", 0, .9999);
  fixed("schedule", "weight_decay", r.weight_decay, "Weight decay, on kernels only", 0, 1);
  fixed("schedule", "clip", r.clip, "Largest gradient norm (0: no limit)", 0, 1e9);
  fixed("schedule", "ema", r.ema, "Decay of the moving average that is evaluated (0: none)", 0,
        .999999);
  fixed("schedule", "statistics", r.statistics,
        "Momentum of batch norm's running statistics (Darknet, Keras: .99)", 0, .99999);
  fixed("schedule", "sync_batch_norm", r.sync_batch_norm,
        "Several workers: batch norm over all their images, not only their own");
  changeable("schedule", "patience", r.patience,
             "Stop after this many epochs without a better mAP (0: never)", 0, 1e6);
  fixed("loss", "loss", r.loss, "Detection loss");
  fixed("loss", "box_gain", r.box_gain, "ciou: weight of the box loss", 0, 1000);
  fixed("loss", "label_smoothing", r.label_smoothing,
        "ciou: fraction of the target moved to the other classes", 0, .5);
  fixed("augmentation", "augment", r.augment, "Augment the images randomly");
  fixed("augmentation", "scale_low", r.scale_low, "Smallest scale, relative to the letterbox fit",
        .05, kMostScale);
  fixed("augmentation", "scale_high", r.scale_high, "Largest scale", .05, kMostScale);
  fixed("augmentation", "jitter", r.jitter, "Change of aspect ratio", 0, 3);
  fixed("augmentation", "translate", r.translate, "Shift, as a fraction of the side", 0, 1);
  fixed("augmentation", "flip", r.flip, "Probability of mirroring (0 if left and right matter)", 0,
        1);
  fixed("augmentation", "hue", r.hue, "Hue shift, as a fraction of the circle", 0, .5);
  fixed("augmentation", "saturation", r.saturation,
        "Saturation by up to this factor or its inverse", 1, 10);
  fixed("augmentation", "value", r.value, "Brightness by up to this factor or its inverse", 1, 10);
  fixed("augmentation", "mosaic", r.mosaic, "Probability of combining four images", 0, 1);
  fixed("augmentation", "mixup", r.mixup, "Probability of blending two images", 0, 1);
  fixed("augmentation", "plain_epochs", r.plain_epochs, "Final epochs without mosaic and mix-up", 0,
        1e6);
  fixed("augmentation", "multi_scale", r.multi_scale,
        "Vary the input size by ± this fraction, every 10 batches", 0, .75);
  changeable("machine", "device", r.device, RecipeHelp("auto, cpu, cuda or cuda:N", "DEVICE"));
  changeable("machine", "precision", r.precision,
             "Type that convolutions compute in (fp16: only on CUDA)");
  changeable("machine", "threads", r.threads, "CPU cores to compute on (0: all)", 0, 1024);
  changeable("machine", "loader_threads", r.loader_threads,
             "Threads that prepare images (0: one per core)", 0, 1024);
  changeable("machine", "cache_mb", r.cache_mb, "Memory for decoded images, in MB", 0, 1e7);
  changeable("machine", "checkpoint_minutes", r.checkpoint_minutes,
             "Minutes between checkpoints within an epoch (there is always one at its end)", .001,
             1e6);
  fixed("machine", "seed", r.seed, "Random seed of the run", 0, kMostSeed);
}

// A field as it is written: the word of a choice, else its value.
template <typename T>
auto written(const T& field) {
  if constexpr (Worded<T>) {
    return std::string(word_of(field));
  } else {
    return field;
  }
}

// "--frozen-epochs" for "frozen_epochs".
std::string flag_of(std::string_view key);
// The same of a switch as it is typed: "--augment" or "--no-augment".
std::string flag_of(std::string_view key, bool value);

// The text of run.toml. `made` is written as a final table of facts about the run (versions,
// dataset hash, …), one "key = value" per line, and ignored when read back.
std::string to_toml(const Recipe& recipe, const std::string& made = {});

// Every option by its key, as text, number or switch.
Json recipe_json(const Recipe& recipe);

// Throws an input Error "name:line" for bad TOML, an unknown key, a wrong type or an unknown word
// (naming the nearest). Options that it lacks are those of `base`.
Recipe recipe_from_toml(std::string_view text, const std::string& name, Recipe base = {});

// Throws a usage Error that names the flag, the value and the allowed values.
void check_recipe(const Recipe& recipe);

// Throws a usage Error, as check_recipe() does, if the option `key` is a number and `text` is none
// or is out of its range. Takes the text, because a number that is too large has no value to check.
void check_number(std::string_view key, const std::string& text);

// Throws a usage Error for the first option in `given` that has no effect with the others, and
// names the one that disables it.
void check_effects(const Recipe& recipe, const std::set<std::string>& given);

}  // namespace oko::train
