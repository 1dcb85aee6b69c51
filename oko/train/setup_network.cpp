#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/suggest.h"
#include "oko/dataset/anchors.h"
#include "oko/dataset/image_sizes.h"
#include "oko/formats/darknet.h"
#include "oko/graph/builtin.h"
#include "oko/graph/network_json.h"
#include "oko/storage/store.h"
#include "oko/train/from.h"
#include "oko/train/head.h"
#include "oko/train/pretrained.h"
#include "oko/train/setup_steps.h"
#include "oko/train/transfer.h"
#include "oko/weights/fetch.h"

namespace oko::train {
namespace {

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

std::vector<graph::Anchor> parse_anchors(const std::string& text, int count) {
  std::vector<float> numbers;
  std::string plain = text;
  std::replace(plain.begin(), plain.end(), ',', ' ');
  std::istringstream stream(plain);
  for (float v; stream >> v;) numbers.push_back(v);
  const auto wanted = static_cast<std::size_t>(count);
  const bool positive = std::all_of(numbers.begin(), numbers.end(), [](float v) { return v > 0; });
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

std::string described(const image::Preprocess& preprocess) {
  std::string text =
      preprocess.fit == image::Preprocess::Fit::kLetterbox ? "letterboxed" : "stretched";
  text += preprocess.bgr ? ", BGR" : ", RGB";
  return text + (preprocess.normalizes() ? ", with its mean and scale" : ", from 0 to 1");
}

}  // namespace

// Otherwise checkpoint weights would go into the wrong layers, or see other images than
// those they were trained on.
void check_same_network(const Setup& setup, const graph::Network& then) {
  const std::string what = network_difference(then, setup.network);
  if (what.empty()) return;
  throw input_error(setup.recipe.network, "differs from the network of the checkpoint: " + what,
                    "restore the file as it was when the run began, or start a new run");
}

void make_network(Setup& setup) {
  const int classes = static_cast<int>(setup.train.classes.size());
  if (storage::extension(setup.recipe.network) == ".cfg") {
    std::vector<std::string> notes;  // the first: whether images are letterboxed
    setup.network = formats::read_darknet_cfg(storage::read_text(setup.recipe.network),
                                              setup.recipe.network, &notes);
    setup.notes.push_back(notes.front());
    if (setup.network.class_count() != classes) {
      graph::set_class_count(setup.network, classes);
    }
    if (setup.recipe.width > 0 || setup.recipe.height > 0) {
      setup.network = graph::resized(
          std::move(setup.network),
          setup.recipe.width > 0 ? setup.recipe.width : setup.network.input.width,
          setup.recipe.height > 0 ? setup.recipe.height : setup.network.input.height);
    }
  } else {
    graph::BuiltinOptions options;
    options.classes = classes;
    options.width = setup.recipe.width;
    options.height = setup.recipe.height > 0 ? setup.recipe.height : setup.recipe.width;
    setup.network = graph::make_builtin(setup.recipe.network, options);
  }
  head_kind(setup.network, setup.recipe.network);  // throws if they cannot be trained
  if (setup.network.input.channels != 3) {
    throw Error(
        ErrorCode::kUsage, setup.recipe.network,
        fmt::format("takes {} input channels, but images have 3", setup.network.input.channels),
        "use channels=3");
  }
  setup.network.classes = setup.train.classes;
  setup.recipe.width = setup.network.input.width;
  setup.recipe.height = setup.network.input.height;
}

// "auto" clusters only if that fits clearly better, since pretrained heads depend on their
// anchors.
void choose_anchors(Setup& setup, Progress& progress) {
  constexpr double kClearlyBetter = .05;
  graph::Network& network = setup.network;
  const auto source = value_named<AnchorSource>(setup.recipe.anchors);
  auto present = graph::anchors_of(network);
  if (present.empty()) {
    if (!source || *source == AnchorSource::kData) {
      throw Error(ErrorCode::kUsage, "--anchors", network.name + " has no anchors", "omit it");
    }
    setup.recipe.anchors = word_of(AnchorSource::kDefault);
    return;
  }
  if (!source) {
    present = parse_anchors(setup.recipe.anchors, graph::anchor_count(network));
  } else if (*source != AnchorSource::kDefault) {
    dataset::fill_sizes(setup.train);  // some formats do not store image sizes
    const double now =
        dataset::mean_best_iou(setup.train, present, input_size(network), network.preprocess);
    const auto fit =
        dataset::cluster_anchors(setup.train, graph::anchor_count(network), input_size(network),
                                 network.preprocess, setup.recipe.seed);
    const bool cluster = source == AnchorSource::kData || fit.mean_best_iou > now + kClearlyBetter;
    if (cluster) present = fit.anchors;
    note(setup, progress,
         fmt::format("anchors {}: mean best IoU with the boxes {:.3f} (the network's {:.3f}, "
                     "clustered {:.3f})",
                     cluster ? "clustered from the data" : "kept from the network",
                     cluster ? fit.mean_best_iou : now, now, fit.mean_best_iou));
  }
  graph::set_anchors(network, present);
  setup.recipe.anchors.clear();
  for (const auto& a : present) {
    setup.recipe.anchors +=
        fmt::format("{}{},{}", setup.recipe.anchors.empty() ? "" : ", ", a.width, a.height);
  }
}

// Also says what "auto" means here.
void find_weights(Setup& setup, Progress& progress) {
  Recipe& r = setup.recipe;
  const weights::Known* const known = known_weights(r);
  if (known != nullptr) {
    r.from = known->name;
    setup.weights = weights::get(*known, progress);
  } else if (!starts_from_scratch(r)) {
    if (!storage::exists(r.from)) {
      std::vector<std::string> names;
      for (const weights::Known& one : weights::known()) names.emplace_back(one.name);
      const std::string nearest = nearest_word(r.from, names);
      throw input_error(r.from, "is neither a file nor the name of known weights",
                        (nearest.empty() ? "" : "did you mean " + nearest + "? ") +
                            std::string("oko weights list shows the names"));
    }
    setup.weights = r.from;
  } else if (r.from == kFromAuto) {
    note(setup, progress,
         "pretrained: no weights are known for " + r.network + ", so training starts from scratch");
    r.from = kFromNone;
  }
}

void take_pretrained(Setup& setup, Progress& progress) {
  setup.pretrained.assign(setup.network.layers.size(), false);
  if (setup.weights.empty()) {
    if (setup.recipe.frozen_epochs > 0) {
      throw Error(ErrorCode::kUsage, "--frozen-epochs",
                  "without pretrained weights there is nothing to freeze",
                  "add --from, or omit it");
    }
    setup.recipe.frozen_epochs = 0;
    return;
  }
  const Transfer transfer =
      load_pretrained(setup.network, setup.weights, setup.train, setup.recipe);
  const auto outputs = output_convolutions(setup.network);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    setup.pretrained[i] = transfer.loaded[i] && !outputs[i];
  }
  const weights::Known* const known = known_weights(setup.recipe);
  const std::string named =
      known == nullptr ? "" : fmt::format("{} ({}): ", known->name, known->about);
  note(setup, progress, "pretrained: " + named + transfer.description);
  if (transfer.preprocess && *transfer.preprocess != setup.network.preprocess) {
    setup.network.preprocess = *transfer.preprocess;
    note(setup, progress,
         "images as the pretrained model has them: " + described(*transfer.preprocess));
  }
  if (setup.recipe.frozen_epochs < 0) {
    setup.recipe.frozen_epochs = std::max(1, setup.recipe.epochs / 10);
  }
}

}  // namespace oko::train
