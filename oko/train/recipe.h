#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace oko::train {

// Everything that decides what a run computes; run.toml holds it. Zero and "auto" mean: chosen from
// the data, the network and the machine, and written back as what was chosen.
struct Recipe {
  // data
  std::string dataset, format, classes;
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

// Calls visitor(section, key, field, help) for every field, in the order of run.toml. The one list
// from which run.toml, --recipe files and command-line flags are made.
template <typename R, typename Visitor>
void visit_recipe(R& r, Visitor&& visit) {
  visit("data", "dataset", r.dataset, "Folder or file of the labelled pictures");
  visit("data", "format", r.format, "voc, coco, yolo, keras or createml (default: recognised)");
  visit("data", "classes", r.classes, "File with one class name a line, in the order to use");
  visit("data", "train_split", r.train_split, "Split to train on");
  visit("data", "val_split", r.val_split, "Split to evaluate on");
  visit("data", "val_part", r.val_part, "Part held out where the dataset has no validation split");
  visit("data", "check", r.check, "Open every picture before training and look for faults");
  visit("network", "network", r.network, "Built-in name or a .cfg file");
  visit("network", "width", r.width, "Input width in pixels, a multiple of 32 (0: the network's)");
  visit("network", "height", r.height, "Input height in pixels (0: the network's)");
  visit("network", "anchors", r.anchors,
        "auto (keep where they fit), data (cluster), default, or w,h, w,h, … in pixels");
  visit("network", "from", r.from, "Pretrained .oko, .weights or a prefix of one");
  visit("schedule", "frozen_epochs", r.frozen_epochs,
        "Epochs with the pretrained layers frozen (-1: a tenth of epochs with --from, else 0)");
  visit("schedule", "epochs", r.epochs, "Epochs in all");
  visit("schedule", "batch", r.batch, "Pictures a step (0: 16, less for a small dataset)");
  visit("schedule", "accumulate", r.accumulate, "Steps whose gradients are added before an update");
  visit("schedule", "optimizer", r.optimizer, "sgd, adam or adamw");
  visit("schedule", "schedule", r.schedule, "cosine, step, plateau or constant");
  visit("schedule", "frozen_rate", r.frozen_rate, "Learning rate of the frozen stage");
  visit("schedule", "rate", r.rate, "Learning rate of the full stage");
  visit("schedule", "final_factor", r.final_factor, "Cosine: part of the rate left at the end");
  visit("schedule", "warmup_epochs", r.warmup_epochs, "Epochs in which the rate grows from 0");
  visit("schedule", "momentum", r.momentum, "Momentum of sgd");
  visit("schedule", "weight_decay", r.weight_decay, "Weight decay, on kernels only");
  visit("schedule", "clip", r.clip, "Largest gradient norm (0: no limit)");
  visit("schedule", "ema", r.ema, "Decay of the moving average that is evaluated (0: none)");
  visit("schedule", "statistics", r.statistics,
        "Part of batch norm's running statistics kept each step (Darknet, Keras: .99)");
  visit("schedule", "patience", r.patience,
        "Stop after so many epochs without a better mAP (0: never)");
  visit("loss", "loss", r.loss, "ciou, keras or darknet");
  visit("loss", "box_gain", r.box_gain, "ciou: weight of the boxes");
  visit("loss", "label_smoothing", r.label_smoothing,
        "ciou: part of a class's 1 given to the others");
  visit("augmentation", "augment", r.augment, "Change the pictures at random");
  visit("augmentation", "scale_low", r.scale_low, "Smallest size, relative to the letterbox fit");
  visit("augmentation", "scale_high", r.scale_high, "Largest size");
  visit("augmentation", "jitter", r.jitter, "Change of aspect ratio");
  visit("augmentation", "translate", r.translate, "Shift, in parts of a side");
  visit("augmentation", "flip", r.flip, "Probability of mirroring (0 where left and right matter)");
  visit("augmentation", "hue", r.hue, "Turn of hue, in parts of the circle");
  visit("augmentation", "saturation", r.saturation, "Saturation up to this factor or its inverse");
  visit("augmentation", "value", r.value, "Brightness up to this factor or its inverse");
  visit("augmentation", "mosaic", r.mosaic, "Probability of joining four pictures");
  visit("augmentation", "mixup", r.mixup, "Probability of blending two pictures");
  visit("augmentation", "plain_epochs", r.plain_epochs, "Last epochs without mosaic and mix-up");
  visit("augmentation", "multi_scale", r.multi_scale,
        "Draw the input size from ± this part of it, every 10 steps");
  visit("machine", "device", r.device, "auto, cpu, cuda or cuda:N");
  visit("machine", "precision", r.precision, "auto, fp32 or bf16 (on CUDA: or fp16)");
  visit("machine", "threads", r.threads, "Processors to compute on (0: all)");
  visit("machine", "loader_threads", r.loader_threads, "Threads that prepare pictures (0: all)");
  visit("machine", "cache_mb", r.cache_mb, "Memory for decoded pictures, MB");
  visit("machine", "checkpoint_minutes", r.checkpoint_minutes,
        "Minutes between checkpoints inside an epoch (one at each end anyway)");
  visit("machine", "seed", r.seed, "Seed of everything drawn at random");
}

// run.toml's text. `made` is written as a last table of facts about the run (versions, dataset
// hash, …), one "key = value" a line, and ignored when read back.
std::string to_toml(const Recipe& recipe, const std::string& made = {});

// Throws an input Error "name:line" for bad TOML, an unknown key (naming the nearest) or a wrong
// type.
Recipe recipe_from_toml(std::string_view text, const std::string& name);

// Throws a usage Error that names the flag, the value and what is allowed.
void check_recipe(const Recipe& recipe);

}  // namespace oko::train
