#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace oko::train {

// Everything that determines what a run computes; stored in run.toml. Zero and "auto" mean: chosen
// from the data, the network and the machine, and recorded as chosen.
struct Recipe {
  // data
  std::string dataset, format, classes, exif = "auto";
  std::string train_split = "train", val_split = "val";
  double val_part = .1;
  bool check = true;
  // network
  std::string network = "yolov3-tiny";
  int width = 0, height = 0;
  std::string anchors = "auto";
  std::string from;
  // schedule
  int frozen_epochs = -1, epochs = 100;
  int batch = 0, accumulate = 1;
  std::string optimizer = "adamw", schedule = "cosine";
  double frozen_rate = 1e-3, rate = 1e-3, final_factor = .02;
  double warmup_epochs = 2, momentum = .9, weight_decay = 5e-4, clip = 10;
  double ema = .998, statistics = .95;
  int patience = 0;
  // loss
  std::string loss = "ciou";
  double box_gain = 3, label_smoothing = 0;
  // augmentation
  bool augment = true;
  double scale_low = .5, scale_high = 1.5, jitter = .2, translate = .2, flip = .5;
  double hue = .015, saturation = 1.5, value = 1.5;
  double mosaic = .5, mixup = 0;
  int plain_epochs = 10;
  double multi_scale = 0;
  // machine
  std::string device = "auto", precision = "auto";
  int threads = 0, loader_threads = 0;
  int cache_mb = 1024;
  double checkpoint_minutes = 5;
  std::uint64_t seed = 1;
};

// One option of a recipe, under its name in run.toml, --recipe files and flags.
struct RecipeOption {
  const char* section;
  const char* key;
  const char* help;
  // Whether --resume accepts a new value. The others determine what every step computes: the run
  // would be neither the original one nor a new one.
  bool on_resume;
};

// Calls visitor(option, field) for every field, in the order of run.toml. The single list behind
// run.toml, --recipe files and command-line flags.
template <typename R, typename Visitor>
void visit_recipe(R& r, Visitor&& visitor) {
  const auto fixed = [&](const char* section, const char* key, auto& field, const char* help) {
    visitor(RecipeOption{section, key, help, false}, field);
  };
  const auto changeable = [&](const char* section, const char* key, auto& field, const char* help) {
    visitor(RecipeOption{section, key, help, true}, field);
  };
  changeable("data", "dataset", r.dataset, "Folder or annotation file of the labelled images");
  changeable("data", "format", r.format, "voc, coco, yolo, keras or createml (default: detected)");
  changeable("data", "classes", r.classes,
             "File with one class name per line, in the order to use");
  changeable("data", "exif", r.exif,
             "auto, upright or stored: what boxes refer to in images that EXIF rotates");
  fixed("data", "train_split", r.train_split, "Split to train on");
  fixed("data", "val_split", r.val_split, "Split to evaluate on");
  fixed("data", "val_part", r.val_part, "Fraction held out if the dataset has no validation split");
  changeable("data", "check", r.check, "Open every image before training and check for errors");
  fixed("network", "network", r.network, "Built-in name or a .cfg file");
  fixed("network", "width", r.width, "Input width in pixels, a multiple of 32 (0: the network's)");
  fixed("network", "height", r.height, "Input height in pixels (0: the network's)");
  fixed("network", "anchors", r.anchors,
        "auto (keep if they fit), data (cluster), default, or w,h, w,h, … in pixels");
  fixed("network", "from", r.from, "Pretrained .oko or .weights file, or the first layers of one");
  fixed("schedule", "frozen_epochs", r.frozen_epochs,
        "Epochs with the pretrained layers frozen (-1: a tenth of epochs with --from, else 0)");
  changeable("schedule", "epochs", r.epochs, "Total epochs");
  fixed("schedule", "batch", r.batch, "Images per step (0: 16, fewer for a small dataset)");
  fixed("schedule", "accumulate", r.accumulate,
        "Steps whose gradients are accumulated before an update");
  fixed("schedule", "optimizer", r.optimizer, "sgd, adam or adamw");
  fixed("schedule", "schedule", r.schedule, "cosine, step, plateau or constant");
  fixed("schedule", "frozen_rate", r.frozen_rate, "Learning rate of the frozen stage");
  fixed("schedule", "rate", r.rate, "Learning rate of the full stage");
  fixed("schedule", "final_factor", r.final_factor, "cosine: fraction of the rate left at the end");
  fixed("schedule", "warmup_epochs", r.warmup_epochs, "Epochs over which the rate grows from 0");
  fixed("schedule", "momentum", r.momentum, "Momentum of sgd");
  fixed("schedule", "weight_decay", r.weight_decay, "Weight decay, on kernels only");
  fixed("schedule", "clip", r.clip, "Largest gradient norm (0: no limit)");
  fixed("schedule", "ema", r.ema, "Decay of the moving average that is evaluated (0: none)");
  fixed("schedule", "statistics", r.statistics,
        "Momentum of batch norm's running statistics (Darknet, Keras: .99)");
  changeable("schedule", "patience", r.patience,
             "Stop after this many epochs without a better mAP (0: never)");
  fixed("loss", "loss", r.loss, "ciou, keras or darknet");
  fixed("loss", "box_gain", r.box_gain, "ciou: weight of the box loss");
  fixed("loss", "label_smoothing", r.label_smoothing,
        "ciou: fraction of the target moved to the other classes");
  fixed("augmentation", "augment", r.augment, "Augment the images randomly");
  fixed("augmentation", "scale_low", r.scale_low, "Smallest scale, relative to the letterbox fit");
  fixed("augmentation", "scale_high", r.scale_high, "Largest scale");
  fixed("augmentation", "jitter", r.jitter, "Change of aspect ratio");
  fixed("augmentation", "translate", r.translate, "Shift, as a fraction of the side");
  fixed("augmentation", "flip", r.flip, "Probability of mirroring (0 if left and right matter)");
  fixed("augmentation", "hue", r.hue, "Hue shift, as a fraction of the circle");
  fixed("augmentation", "saturation", r.saturation,
        "Saturation by up to this factor or its inverse");
  fixed("augmentation", "value", r.value, "Brightness by up to this factor or its inverse");
  fixed("augmentation", "mosaic", r.mosaic, "Probability of combining four images");
  fixed("augmentation", "mixup", r.mixup, "Probability of blending two images");
  fixed("augmentation", "plain_epochs", r.plain_epochs, "Final epochs without mosaic and mix-up");
  fixed("augmentation", "multi_scale", r.multi_scale,
        "Vary the input size by ± this fraction, every 10 steps");
  changeable("machine", "device", r.device, "auto, cpu, cuda or cuda:N");
  changeable("machine", "precision", r.precision, "auto, fp32 or bf16 (on CUDA: or fp16)");
  changeable("machine", "threads", r.threads, "CPU cores to compute on (0: all)");
  changeable("machine", "loader_threads", r.loader_threads,
             "Threads that prepare images (0: one per core)");
  changeable("machine", "cache_mb", r.cache_mb, "Memory for decoded images, in MB");
  changeable("machine", "checkpoint_minutes", r.checkpoint_minutes,
             "Minutes between checkpoints within an epoch (there is always one at its end)");
  fixed("machine", "seed", r.seed, "Random seed of the run");
}

// "--frozen-epochs" for "frozen_epochs".
std::string flag_of(std::string_view key);
// The same of a switch as it is typed: "--augment" or "--no-augment".
std::string flag_of(std::string_view key, bool value);

// The text of run.toml. `made` is written as a final table of facts about the run (versions,
// dataset hash, …), one "key = value" per line, and ignored when read back.
std::string to_toml(const Recipe& recipe, const std::string& made = {});

// Throws an input Error "name:line" for bad TOML, an unknown key (naming the nearest) or a wrong
// type.
Recipe recipe_from_toml(std::string_view text, const std::string& name);

// Throws a usage Error that names the flag, the value and the allowed values.
void check_recipe(const Recipe& recipe);

// Throws a usage Error, as check_recipe() does, for the text of an option that holds a number where
// it is no number or out of its range: it may be too large to become one.
void check_number(std::string_view key, const std::string& text);

// Throws a usage Error for the first option in `given` that has no effect with the others, and
// names the one that disables it.
void check_effects(const Recipe& recipe, const std::set<std::string>& given);

}  // namespace oko::train
