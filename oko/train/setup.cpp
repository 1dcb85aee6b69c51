#include "oko/train/setup.h"
#include "oko/dataset/image_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <sstream>
#include <utility>

#include "oko/base/error.h"
#include "oko/dataset/anchors.h"
#include "oko/dataset/check.h"
#include "oko/dataset/dropped.h"
#include "oko/dataset/read.h"
#include "oko/formats/darknet.h"
#include "oko/graph/builtin.h"
#include "oko/graph/network_json.h"
#include "oko/run/output.h"
#include "oko/storage/store.h"
#include "oko/train/head.h"
#include "oko/train/transfer.h"

namespace oko::train {
namespace {

image::Size size_of(const graph::Network& network) {
  return {network.input.width, network.input.height};
}

// Everything that decides what a network computes, and how images become its input. Its classes are
// compared by themselves.
Json definition_of(const graph::Network& network) {
  Json json = graph::network_to_json(network);
  for (const std::string key : {"name", "classes", "metadata"}) json.erase(key);
  return json;
}

std::string text_at(const Json& json, const Json::json_pointer& path) {
  return json.contains(path) ? json.at(path).dump() : "nothing";
}

// The first thing in which the networks differ; empty where there is none.
std::string network_difference(const graph::Network& then, const graph::Network& now) {
  if (then.layers.size() != now.layers.size()) {
    return fmt::format("{} layers then, {} now", then.layers.size(), now.layers.size());
  }
  const Json before = definition_of(then), after = definition_of(now);
  const Json patch = Json::diff(before, after);
  if (patch.empty()) return "";
  const auto path = patch[0]["path"].get<std::string>();  // "/layers/3/filters"
  std::string what = path.substr(1);
  constexpr std::string_view kLayers = "layers/";
  if (what.starts_with(kLayers)) {
    const std::size_t end = what.find('/', kLayers.size());
    const auto layer = std::stoul(what.substr(kLayers.size(), end - kLayers.size()));
    what = graph::place_of(now, layer) + what.substr(end);
  }
  std::replace(what.begin(), what.end(), '/', ' ');
  const Json::json_pointer pointer(path);
  return fmt::format("{}: {} then, {} now", what, text_at(before, pointer),
                     text_at(after, pointer));
}

class Builder {
 public:
  Builder(Recipe recipe, Progress& progress, const ResumedRun* resumed)
      : progress_(progress), resumed_(resumed) {
    setup_.asked = asked_by(recipe);
    setup_.recipe = std::move(recipe);
  }

  Setup run() {
    check_recipe(setup_.recipe);
    read_dataset();
    make_network();
    choose_anchors();
    take_pretrained();
    choose_numbers();
    if (resumed_ != nullptr && resumed_->network != nullptr) check_same_network();
    return std::move(setup_);
  }

 private:
  Recipe& recipe() { return setup_.recipe; }

  void read_dataset() {
    dataset::ReadOptions options;
    options.format = recipe().format;
    options.classes_file = recipe().classes;
    options.exif = recipe().exif;
    std::vector<dataset::Finding> findings;
    dataset::Dataset all = dataset::read(recipe().dataset, options, &findings);
    recipe().format = all.format;
    check_class_names(all.classes);
    if (resumed_ != nullptr) {
      check_same_classes(resumed_->data.classes, all.classes, recipe().dataset, resumed_->folder);
    }
    report_findings(findings);
    for (const std::string& line : dataset::dropped_in_reading(findings).lines()) note(line);
    take_splits(all);
    record_data();
    if (recipe().check) {
      dataset::CheckOptions check;
      check.exif_known = options.exif != dataset::BoxPixels::kAuto;
      report_findings(dataset::check(all, progress_, check));
    } else {
      dataset::expect_stated_sizes(all);
    }
    if (setup_.train.samples.empty()) {
      throw input_error(recipe().dataset, "there are no images to train on");
    }
    if (dataset::count_objects(setup_.train) == 0) {
      throw input_error(recipe().dataset, "no training image has a box", "label some images first");
    }
    note(fmt::format("{} classes; {} images with {} boxes to train on, {} with {} to validate on",
                     setup_.train.classes.size(), setup_.train.samples.size(),
                     dataset::count_objects(setup_.train), setup_.val.samples.size(),
                     dataset::count_objects(setup_.val)));
  }

  // Otherwise this would fail only after the first epoch.
  void check_class_names(const std::vector<std::string>& names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (run::is_utf8(names[i])) continue;
      throw input_error(recipe().dataset, fmt::format("the name of class {} is not valid UTF-8", i),
                        "save the class list or annotations as UTF-8");
    }
  }

  static DataRecord::Split record_of(const dataset::Dataset& data) {
    return {dataset::fingerprint(data), std::ssize(data.samples),
            static_cast<std::int64_t>(dataset::count_objects(data))};
  }

  void record_data() {
    setup_.data = {setup_.train.classes, record_of(setup_.train), record_of(setup_.val)};
    if (resumed_ == nullptr) return;
    setup_.data_differences = data_differences(resumed_->data, setup_.data);
    if (setup_.data_differences.empty()) return;
    const std::string what = fmt::format("{}", fmt::join(setup_.data_differences, "; "));
    if (!resumed_->accept_changed_data) {
      throw input_error(recipe().dataset, "the data has changed since the run began: " + what,
                        "restore it, or continue with the new data with --accept-changed-data");
    }
    note("changed data accepted: " + what);
  }

  // Otherwise checkpoint weights would go into the wrong layers, or see other images than
  // those they were trained on.
  void check_same_network() {
    const std::string what = network_difference(*resumed_->network, setup_.network);
    if (what.empty()) return;
    throw input_error(recipe().network, "differs from the network of the checkpoint: " + what,
                      "restore the file as it was when the run began, or start a new run");
  }

  // Errors stop the run here, before an hour is lost. A leak between splits does not spoil
  // training, only its validation; it is reported like a warning.
  void report_findings(const std::vector<dataset::Finding>& findings) {
    using Severity = dataset::Finding::Severity;
    std::map<std::string, std::vector<const dataset::Finding*>> by_kind;
    std::vector<const dataset::Finding*> errors;
    for (const auto& finding : findings) {
      if (finding.severity == Severity::kError && finding.kind != "split-leak") {
        errors.push_back(&finding);
      } else if (finding.severity != Severity::kNote) {
        by_kind[finding.kind].push_back(&finding);
      }
    }
    if (!errors.empty()) {
      throw input_error(
          errors[0]->place,
          errors[0]->message +
              (errors.size() == 1 ? "" : fmt::format("; {} errors in total", errors.size())),
          "see oko data check " + recipe().dataset +
              ", which writes a repaired copy with --repair");
    }
    for (const auto& [kind, found] : by_kind) {
      note(fmt::format("{} {}: {} {}{}", found.size(), kind, found[0]->place, found[0]->message,
                       found.size() == 1 ? "" : ", …"));
    }
  }

  void take_splits(const dataset::Dataset& all) {
    if (dataset::split_names(all) == std::vector<std::string>{""}) return hold_out(all);
    setup_.train = dataset::subset(all, recipe().train_split);
    if (dataset::has_split(all, recipe().val_split)) {
      if (recipe().val_part != Recipe().val_part) {
        note(fmt::format("--val-part is ignored: there is a split \"{}\"", recipe().val_split));
      }
      setup_.val = dataset::subset(all, recipe().val_split);
    } else if (recipe().val_part > 0) {
      note(fmt::format("no split \"{}\": {} of \"{}\" is held out instead", recipe().val_split,
                       recipe().val_part, recipe().train_split));
      hold_out(std::move(setup_.train));
    }
  }

  // Without a validation split the fraction `val_part`, drawn by the seed, is held out.
  void hold_out(dataset::Dataset all) {
    std::vector<std::size_t> order(all.samples.size());
    std::iota(order.begin(), order.end(), 0U);
    Random random(recipe().seed, 10101);
    random.shuffle(std::span(order));
    const auto held =
        static_cast<std::size_t>(recipe().val_part * static_cast<double>(order.size()));
    std::vector<bool> is_val(order.size(), false);
    for (std::size_t i = 0; i < held; ++i) is_val[order[i]] = true;
    setup_.train = setup_.val = dataset::empty_like(all);
    for (std::size_t i = 0; i < order.size(); ++i) {
      (is_val[i] ? setup_.val : setup_.train).samples.push_back(std::move(all.samples[i]));
    }
  }

  void make_network() {
    const int classes = static_cast<int>(setup_.train.classes.size());
    if (storage::extension(recipe().network) == ".cfg") {
      std::vector<std::string> notes;  // the first: whether images are letterboxed
      setup_.network =
          formats::read_darknet_cfg(storage::read_text(recipe().network), recipe().network, &notes);
      setup_.notes.push_back(notes.front());
      if (setup_.network.class_count() != classes) {
        graph::set_class_count(setup_.network, classes);
      }
      if (recipe().width > 0 || recipe().height > 0) {
        setup_.network =
            graph::resized(std::move(setup_.network),
                           recipe().width > 0 ? recipe().width : setup_.network.input.width,
                           recipe().height > 0 ? recipe().height : setup_.network.input.height);
      }
    } else {
      graph::BuiltinOptions options;
      options.classes = classes;
      options.width = recipe().width;
      options.height = recipe().height > 0 ? recipe().height : recipe().width;
      setup_.network = graph::make_builtin(recipe().network, options);
    }
    head_kind(setup_.network, recipe().network);  // throws if they cannot be trained
    if (setup_.network.input.channels != 3) {
      throw Error(ErrorCode::kUsage, recipe().network,
                  fmt::format("it takes {} channels, images have 3", setup_.network.input.channels),
                  "use channels=3");
    }
    setup_.network.classes = setup_.train.classes;
    recipe().width = setup_.network.input.width;
    recipe().height = setup_.network.input.height;
  }

  // "auto" clusters only if that fits clearly better, since pretrained heads depend on their
  // anchors.
  void choose_anchors() {
    constexpr double kClearlyBetter = .05;
    graph::Network& network = setup_.network;
    const auto source = value_named<AnchorSource>(recipe().anchors);
    auto present = graph::anchors_of(network);
    if (!source) {
      present = parse_anchors(recipe().anchors);
    } else if (*source != AnchorSource::kDefault) {
      dataset::fill_sizes(setup_.train);  // some formats do not store image sizes
      const double now =
          dataset::mean_best_iou(setup_.train, present, size_of(network), network.preprocess);
      const auto fit =
          dataset::cluster_anchors(setup_.train, graph::anchor_count(network), size_of(network),
                                   network.preprocess, recipe().seed);
      const bool cluster =
          source == AnchorSource::kData || fit.mean_best_iou > now + kClearlyBetter;
      if (cluster) present = fit.anchors;
      note(
          fmt::format("anchors {}: mean best IoU with the boxes {:.3f} (the network's {:.3f}, "
                      "clustered {:.3f})",
                      cluster ? "clustered from the data" : "kept from the network",
                      cluster ? fit.mean_best_iou : now, now, fit.mean_best_iou));
    }
    graph::set_anchors(network, present);
    recipe().anchors.clear();
    for (const auto& a : present) {
      recipe().anchors +=
          fmt::format("{}{},{}", recipe().anchors.empty() ? "" : ", ", a.width, a.height);
    }
  }

  std::vector<graph::Anchor> parse_anchors(const std::string& text) {
    std::vector<float> numbers;
    std::string plain = text;
    std::replace(plain.begin(), plain.end(), ',', ' ');
    std::istringstream stream(plain);
    for (float v; stream >> v;) numbers.push_back(v);
    const auto wanted = static_cast<std::size_t>(graph::anchor_count(setup_.network));
    const bool positive =
        std::all_of(numbers.begin(), numbers.end(), [](float v) { return v > 0; });
    if (!stream.eof() || numbers.size() != 2 * wanted || !positive) {
      throw Error(ErrorCode::kUsage, "--anchors",
                  fmt::format("\"{}\" is not {} pairs of positive numbers", text, wanted),
                  "use auto, data, default, or w,h, w,h, … in network pixels");
    }
    std::vector<graph::Anchor> anchors;
    for (std::size_t i = 0; i < numbers.size(); i += 2) {
      anchors.push_back({numbers[i], numbers[i + 1]});
    }
    return anchors;
  }

  void take_pretrained() {
    setup_.pretrained.assign(setup_.network.layers.size(), false);
    if (recipe().from.empty()) {
      if (recipe().frozen_epochs > 0) {
        throw Error(ErrorCode::kUsage, "--frozen-epochs",
                    "without pretrained weights there is nothing to freeze",
                    "add --from, or omit it");
      }
      recipe().frozen_epochs = 0;
      return;
    }
    const Transfer transfer = load_pretrained(setup_.network, recipe().from);
    const auto outputs = output_convolutions(setup_.network);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      setup_.pretrained[i] = transfer.loaded[i] && !outputs[i];
    }
    note("pretrained: " + transfer.description);
    if (recipe().frozen_epochs < 0) recipe().frozen_epochs = std::max(1, recipe().epochs / 10);
  }

  void choose_numbers() {
    Recipe& r = recipe();
    const int pictures = static_cast<int>(setup_.train.samples.size());
    if (r.batch == 0) r.batch = std::clamp(pictures / 10, 2, 16);
    r.batch = std::min(r.batch, pictures);
    r.frozen_epochs = std::min(r.frozen_epochs, r.epochs);
  }

  void note(std::string line) {
    progress_.line(line);
    setup_.notes.push_back(std::move(line));
  }

  Progress& progress_;
  const ResumedRun* resumed_;
  Setup setup_;
};

}  // namespace

Setup set_up(Recipe recipe, Progress& progress, const ResumedRun* resumed) {
  return Builder(std::move(recipe), progress, resumed).run();
}

LossOptions loss_options(const Recipe& recipe) {
  LossOptions options;
  options.kind = recipe.loss;
  options.box_gain = static_cast<float>(recipe.box_gain);
  options.label_smoothing = static_cast<float>(recipe.label_smoothing);
  return options;
}

ScheduleOptions schedule_options(const Recipe& recipe, int stage, std::int64_t steps_per_epoch) {
  ScheduleOptions options;
  options.kind = recipe.schedule;
  options.rate = stage == 1 ? recipe.frozen_rate : recipe.rate;
  options.final_factor = stage == 1 ? 1 : recipe.final_factor;  // the full stage warms up again
  const int epochs = stage == 1 ? recipe.frozen_epochs : recipe.epochs - recipe.frozen_epochs;
  options.warmup_steps = static_cast<std::int64_t>(std::min(recipe.warmup_epochs, epochs / 3.0) *
                                                   static_cast<double>(steps_per_epoch));
  return options;
}

dataset::LoaderOptions loader_options(const Setup& setup, bool plain) {
  const Recipe& r = setup.recipe;
  dataset::LoaderOptions options;
  options.input = size_of(setup.network);
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
