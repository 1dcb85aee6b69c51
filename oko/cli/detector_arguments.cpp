#include "oko/cli/detector_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/suggest.h"
#include "oko/cli/choice.h"
#include "oko/cli/detect_output.h"
#include "oko/cli/whole.h"
#include "oko/graph/about.h"
#include "oko/image/tiles.h"
#include "oko/runtime/engine.h"

namespace oko::cli {
namespace {

void add_threshold_arguments(CLI::App& command, DetectorArguments& detector) {
  detect::Thresholds& thresholds = detector.thresholds;
  CLI::Option* score =
      command
          .add_option("--threshold", thresholds.score, "Minimum score of a detection (exclusive)")
          ->check(number_range(0., 1.))
          ->capture_default_str()
          ->type_name("SCORE");
  if (detector.takes_own_thresholds) {
    score->default_str(fmt::format("of each class in the model, else {:g}", thresholds.score));
  }
  detector.has_threshold = [score] { return score->count() > 0; };
  add_choice(
      command, "--nms", thresholds.nms,
      "Suppress overlapping boxes per class, across classes, or softly (lower their scores)");
  CLI::Option* iou =
      command
          .add_option("--iou", thresholds.iou, "IoU above which two boxes count as the same object")
          ->check(number_range(0., 1.))
          ->capture_default_str()
          ->type_name("IOU");
  detector.check_thresholds = [&thresholds, iou] {
    if (thresholds.nms != detect::NmsKind::kSoft || iou->count() == 0) return;
    throw Error(ErrorCode::kUsage, "--iou",
                "has no effect with --nms soft, which lowers scores for any overlap",
                "omit it, or use --nms per-class");
  };
  command
      .add_option("--max-detections", thresholds.max_detections,
                  "Keep the best N detections per image (0: all)")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str()
      ->type_name("N");
}

void add_engine_arguments(CLI::App& command, EngineArguments& engine) {
  add_choice(command, "--engine", engine.kind,
             "oko's own engine, as on phones, or LibTorch (auto: oko on a CPU, torch on a GPU)");
  add_own_engine_arguments(command, engine.own);
  command.add_option("--device", engine.device, "auto, cpu, cuda or cuda:N (cuda: LibTorch)")
      ->capture_default_str()
      ->type_name("DEVICE");
}

bool takes_torch(const EngineArguments& arguments) {
  const bool cuda = arguments.device.starts_with("cuda");
  const bool has_own_settings = arguments.own.precision || arguments.own.target;
  const EngineKind kind = arguments.kind;
  if (kind == EngineKind::kTorch || (kind == EngineKind::kAuto && cuda)) {
    if (!has_own_settings) return true;
    throw Error(ErrorCode::kUsage, kind == EngineKind::kTorch ? "--engine torch" : "--device",
                "--precision and --target apply only to oko's engine, not to LibTorch",
                "omit them, or use --engine oko --device cpu");
  }
  if (kind == EngineKind::kOko && cuda) {
    throw Error(ErrorCode::kUsage, "--engine oko", "oko's engine runs only on the CPU",
                "use --engine torch for the GPU");
  }
  return kind == EngineKind::kAuto && arguments.device == "auto" && !has_own_settings && has_gpu();
}

std::unique_ptr<detect::Engine> make_own_engine(const graph::Network& network,
                                                const EngineArguments& arguments) {
  if (arguments.device != "auto" && arguments.device != "cpu") {
    throw Error(ErrorCode::kUsage, "--device " + arguments.device, "no such device",
                "use auto, cpu, cuda or cuda:N");
  }
  runtime::EngineOptions options;
  options.threads = arguments.own.threads;
  options.precision = arguments.own.precision;
  if (arguments.own.target) options.target = *arguments.own.target;
  return runtime::make_engine(network, options);
}

std::size_t class_named(const graph::Network& network, const std::string& name) {
  std::vector<std::string> known;
  for (int id = 0; id < network.class_count(); ++id) known.push_back(class_name(network, id));
  const auto it = std::find(known.begin(), known.end(), name);
  if (it != known.end()) return static_cast<std::size_t>(it - known.begin());
  const std::string nearest = nearest_word(name, known);
  throw Error(ErrorCode::kUsage, "--class-threshold", "the model has no class \"" + name + "\"",
              nearest.empty() ? "oko inspect MODEL lists its classes"
                              : "did you mean \"" + nearest + "\"?");
}

float score_of(const std::string& given, std::size_t start) {
  float score = -1;
  const char* const last = given.data() + given.size();
  const auto [end, error] = std::from_chars(given.data() + start, last, score);
  if (error != std::errc() || end != last || !(score >= 0 && score <= 1)) {
    throw Error(ErrorCode::kUsage, "--class-threshold", "\"" + given + "\" has no valid score",
                "write NAME=SCORE with a score from 0 to 1");
  }
  return score;
}

}  // namespace

void add_own_engine_arguments(CLI::App& command, OwnEngineArguments& own) {
  std::vector<std::string> precisions = {"model"}, targets = {"auto"};
  for (const std::string_view word : kWords<graph::Precision>) precisions.emplace_back(word);
  for (const SimdTarget target : simd_targets()) targets.emplace_back(name_of(target));
  add_choice(command, "--precision", own.precision,
             "Precision of oko's engine (model: int8 if quantized and not slower here, else fp32)",
             precisions, value_named<graph::Precision>)
      ->default_str("model");
  add_choice(command, "--target", own.target,
             "Instruction set of oko's engine (auto: the best available)", targets,
             simd_target_named)
      ->default_str("auto");
  command.add_option("--threads", own.threads, "CPU threads (0: one per core)")
      ->check(thread_range())
      ->capture_default_str()
      ->type_name("N");
}

void add_detector_arguments(CLI::App& command, DetectorArguments& detector) {
  add_model_arguments(command, detector.model);
  command.add_option("--size", detector.size, "Input size, if not the model's own")
      ->type_name("WxH");
  command
      .add_option("--tiles", detector.tiles,
                  "Also look at N x N overlapping tiles of each image, for small objects")
      ->check(CLI::Range(1, image::kMostTiles))
      ->capture_default_str()
      ->type_name("N");
  add_threshold_arguments(command, detector);
  add_engine_arguments(command, detector.engine);
}

std::unique_ptr<detect::Engine> make_engine(const graph::Network& network,
                                            const EngineArguments& arguments) {
  if (!takes_torch(arguments)) return make_own_engine(network, arguments);
  return make_torch_engine(network, arguments.own.threads, arguments.device);
}

detect::Detector make_detector(const DetectorArguments& detector, const Context& context) {
  if (takes_torch(detector.engine)) need_whole_program();
  graph::Network network = load_model(detector.model, detector.size, context);
  if (network.heads().empty()) {
    throw Error(ErrorCode::kUsage, detector.model.path,
                "has no head: the file does not say how its outputs become boxes",
                "give --heads-from the model that it was exported from; or use oko import " +
                    detector.model.path + " --anchors FILE -o model.oko, and then model.oko");
  }
  auto engine = make_engine(network, detector.engine);
  return detect::Detector(std::move(network), std::move(engine));
}

detect::Thresholds thresholds_for(const graph::Network& network,
                                  const DetectorArguments& detector) {
  detect::Thresholds thresholds = detector.thresholds;
  if (detector.takes_own_thresholds && !detector.has_threshold()) {
    thresholds.class_scores = graph::about(network).thresholds;
  }
  return thresholds;
}

void set_class_thresholds(detect::Thresholds& thresholds, const graph::Network& network,
                          std::span<const std::string> given) {
  if (given.empty()) return;
  if (thresholds.class_scores.empty()) {
    thresholds.class_scores.assign(static_cast<std::size_t>(network.class_count()),
                                   thresholds.score);
  }
  for (const std::string& text : given) {
    const std::size_t equals = std::min(text.rfind('='), text.size());
    const std::size_t id = class_named(network, text.substr(0, equals));
    thresholds.class_scores[id] = score_of(text, std::min(equals + 1, text.size()));
  }
}

}  // namespace oko::cli
