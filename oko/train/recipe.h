#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace oko::train {

// Everything that decides what a run computes; run.toml holds it. Zero and "auto" mean: chosen from
// the data, the network and the machine, and written back as what was chosen.
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

// One option of a recipe, as run.toml, --recipe files and flags name it.
struct RecipeOption {
  const char* section;
  const char* key;
  const char* help;
  // Whether --resume takes another value. The others decide what every step computes: the run would
  // be neither the one that was started nor a new one.
  bool on_resume;
};

// Calls visitor(option, field) for every field, in the order of run.toml. The one list from which
// run.toml, --recipe files and command-line flags are made.
template <typename R, typename Visitor>
void visit_recipe(R& r, Visitor&& visitor) {
  const auto fixed = [&](const char* section, const char* key, auto& field, const char* help) {
    visitor(RecipeOption{section, key, help, false}, field);
  };
  const auto changeable = [&](const char* section, const char* key, auto& field, const char* help) {
    visitor(RecipeOption{section, key, help, true}, field);
  };
  changeable("data", "dataset", r.dataset, "Folder or file of the labelled pictures");
  changeable("data", "format", r.format,
             "voc, coco, yolo, keras or createml (default: recognised)");
  changeable("data", "classes", r.classes, "File with one class name a line, in the order to use");
  changeable("data", "exif", r.exif,
             "auto, upright or stored: which pixels boxes lie on where EXIF turns an image");
  fixed("data", "train_split", r.train_split, "Split to train on");
  fixed("data", "val_split", r.val_split, "Split to evaluate on");
  fixed("data", "val_part", r.val_part, "Part held out where the dataset has no validation split");
  changeable("data", "check", r.check, "Open every picture before training and look for faults");
  fixed("network", "network", r.network, "Built-in name or a .cfg file");
  fixed("network", "width", r.width, "Input width in pixels, a multiple of 32 (0: the network's)");
  fixed("network", "height", r.height, "Input height in pixels (0: the network's)");
  fixed("network", "anchors", r.anchors,
        "auto (keep where they fit), data (cluster), default, or w,h, w,h, … in pixels");
  fixed("network", "from", r.from, "Pretrained .oko, .weights or a prefix of one");
  fixed("schedule", "frozen_epochs", r.frozen_epochs,
        "Epochs with the pretrained layers frozen (-1: a tenth of epochs with --from, else 0)");
  changeable("schedule", "epochs", r.epochs, "Epochs in all");
  fixed("schedule", "batch", r.batch, "Pictures a step (0: 16, less for a small dataset)");
  fixed("schedule", "accumulate", r.accumulate, "Steps whose gradients are added before an update");
  fixed("schedule", "optimizer", r.optimizer, "sgd, adam or adamw");
  fixed("schedule", "schedule", r.schedule, "cosine, step, plateau or constant");
  fixed("schedule", "frozen_rate", r.frozen_rate, "Learning rate of the frozen stage");
  fixed("schedule", "rate", r.rate, "Learning rate of the full stage");
  fixed("schedule", "final_factor", r.final_factor, "Cosine: part of the rate left at the end");
  fixed("schedule", "warmup_epochs", r.warmup_epochs, "Epochs in which the rate grows from 0");
  fixed("schedule", "momentum", r.momentum, "Momentum of sgd");
  fixed("schedule", "weight_decay", r.weight_decay, "Weight decay, on kernels only");
  fixed("schedule", "clip", r.clip, "Largest gradient norm (0: no limit)");
  fixed("schedule", "ema", r.ema, "Decay of the moving average that is evaluated (0: none)");
  fixed("schedule", "statistics", r.statistics,
        "Part of batch norm's running statistics kept each step (Darknet, Keras: .99)");
  changeable("schedule", "patience", r.patience,
             "Stop after so many epochs without a better mAP (0: never)");
  fixed("loss", "loss", r.loss, "ciou, keras or darknet");
  fixed("loss", "box_gain", r.box_gain, "ciou: weight of the boxes");
  fixed("loss", "label_smoothing", r.label_smoothing,
        "ciou: part of a class's 1 given to the others");
  fixed("augmentation", "augment", r.augment, "Change the pictures at random");
  fixed("augmentation", "scale_low", r.scale_low, "Smallest size, relative to the letterbox fit");
  fixed("augmentation", "scale_high", r.scale_high, "Largest size");
  fixed("augmentation", "jitter", r.jitter, "Change of aspect ratio");
  fixed("augmentation", "translate", r.translate, "Shift, in parts of a side");
  fixed("augmentation", "flip", r.flip, "Probability of mirroring (0 where left and right matter)");
  fixed("augmentation", "hue", r.hue, "Turn of hue, in parts of the circle");
  fixed("augmentation", "saturation", r.saturation, "Saturation up to this factor or its inverse");
  fixed("augmentation", "value", r.value, "Brightness up to this factor or its inverse");
  fixed("augmentation", "mosaic", r.mosaic, "Probability of joining four pictures");
  fixed("augmentation", "mixup", r.mixup, "Probability of blending two pictures");
  fixed("augmentation", "plain_epochs", r.plain_epochs, "Last epochs without mosaic and mix-up");
  fixed("augmentation", "multi_scale", r.multi_scale,
        "Draw the input size from ± this part of it, every 10 steps");
  changeable("machine", "device", r.device, "auto, cpu, cuda or cuda:N");
  changeable("machine", "precision", r.precision, "auto, fp32 or bf16 (on CUDA: or fp16)");
  changeable("machine", "threads", r.threads, "Processors to compute on (0: all)");
  changeable("machine", "loader_threads", r.loader_threads,
             "Threads that prepare pictures (0: all)");
  changeable("machine", "cache_mb", r.cache_mb, "Memory for decoded pictures, MB");
  changeable("machine", "checkpoint_minutes", r.checkpoint_minutes,
             "Minutes between checkpoints inside an epoch (one at each end anyway)");
  fixed("machine", "seed", r.seed, "Seed of everything drawn at random");
}

// "--frozen-epochs" for "frozen_epochs".
std::string flag_of(std::string_view key);
// The same of a switch as it is typed: "--augment" or "--no-augment".
std::string flag_of(std::string_view key, bool value);

// run.toml's text. `made` is written as a last table of facts about the run (versions, dataset
// hash, …), one "key = value" a line, and ignored when read back.
std::string to_toml(const Recipe& recipe, const std::string& made = {});

// Throws an input Error "name:line" for bad TOML, an unknown key (naming the nearest) or a wrong
// type.
Recipe recipe_from_toml(std::string_view text, const std::string& name);

// Throws a usage Error that names the flag, the value and what is allowed.
void check_recipe(const Recipe& recipe);

// Throws a usage Error, as check_recipe() does, for the text of an option that holds a number where
// it is no number or out of its range: it may be too large to become one.
void check_number(std::string_view key, const std::string& text);

// Throws a usage Error for the first option in `given` that has no effect with the others, and says
// which one switches it off.
void check_effects(const Recipe& recipe, const std::set<std::string>& given);

}  // namespace oko::train
