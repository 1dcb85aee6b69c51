#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "oko/base/error.h"
#include "oko/cli/cli.h"
#include "oko/cli/data.h"
#include "oko/cli/detector_arguments.h"
#include "oko/cli/failed_images.h"
#include "oko/cli/input_files.h"
#include "oko/cli/inputs.h"
#include "oko/cli/progress_bar.h"
#include "oko/cli/table.h"
#include "oko/convert/model_files.h"
#include "oko/dataset/format.h"
#include "oko/dataset/image_sizes.h"
#include "oko/graph/about.h"
#include "oko/graph/oko_file.h"
#include "oko/run/evaluate.h"
#include "oko/run/output.h"
#include "oko/run/recommend.h"
#include "oko/run/report.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

struct EvalArguments {
  DetectorArguments detector;
  std::string dataset, split, report;
  dataset::BoxPixels exif = dataset::BoxPixels::kAuto;
  run::EvaluateOptions options;
  bool save = false;
};

// The .oko file that --save changes. Throws a usage Error for a model that is not just such a file.
std::string own_file(const DetectorArguments& detector) {
  const ModelArguments& model = detector.model;
  const auto refuse = [](const std::string& place, const char* why) {
    throw Error(ErrorCode::kUsage, place, why,
                "oko import makes an .oko file, which --save can change");
  };
  const convert::ModelFiles files = convert::open_model(model.path, model.weights);
  if (!files.format->is_own) refuse(model.path, "is not an .oko file, which --save writes to");
  const auto exclude = [](const char* flag, bool is_given) {
    if (!is_given) return;
    throw Error(ErrorCode::kUsage, flag,
                "is not what the file that --save changes will do by itself", "omit one of them");
  };
  exclude("--names", !model.names.empty());
  exclude("--heads-from", !model.heads_from.empty());
  exclude("--size", !detector.size.empty());
  exclude("--threshold", detector.has_threshold());
  return files.files.front().name;
}

// `split` is --split. Without it: the val or test split if there is one, else everything.
dataset::Dataset read_split(const EvalArguments& arguments, std::string& split,
                            FailedImages& failed, const Context& context) {
  dataset::Dataset data = readable_data(arguments.dataset, failed, context, arguments.exif);
  if (split.empty()) {
    split = dataset::has_split(data, "val")    ? "val"
            : dataset::has_split(data, "test") ? "test"
                                               : "all";
    context.progress->line("evaluating on the split \"" + split + "\" of " + arguments.dataset);
  }
  if (const auto same = data.same_splits.find(split); same != data.same_splits.end()) {
    context.progress->line(fmt::format(
        "\"{}\" has the same images as \"{}\": the metrics say nothing about unseen images", split,
        same->second));
  }
  if (split != "all") data = dataset::subset(data, split);
  dataset::expect_stated_sizes(data);
  return data;
}

std::string number(double value) { return std::isnan(value) ? "-" : fmt::format("{:.3f}", value); }

double ap(const metrics::ClassResult& result, metrics::Interpolation interpolation) {
  return result.truths > 0 ? metrics::average_precision(result, interpolation) : std::nan("");
}

void say_result(const run::Evaluation& result, const Context& context) {
  Table table({"class", "boxes", "AP50", "11-point", "precision", "recall", "threshold"});
  const std::vector<float> thresholds = run::recommended_thresholds(result);
  for (std::size_t i = 0; i < result.classes.size(); ++i) {
    const metrics::ClassResult& one = result.iou50[i];
    if (one.truths == 0 && one.curve.empty()) continue;
    const metrics::CurvePoint point = run::at_threshold(one, result.best_f1.score);
    table.add({result.classes[i], std::to_string(one.truths),
               number(ap(one, metrics::Interpolation::kArea)),
               number(ap(one, metrics::Interpolation::kPoints11)), number(point.precision),
               number(point.recall),
               thresholds.empty() ? "-" : number(static_cast<double>(thresholds[i]))});
  }
  context.say_lines(table.text());
  context.say("");
  context.say(fmt::format(
      "mAP50 {:.4f}   mAP50-95 {:.4f}   11-point mAP50 {:.4f}   ({} images, {})", result.map50,
      result.coco.ap, result.map50_11, result.measured(), duration_text(result.seconds)));
  if (result.small.truths > 0) {
    context.say(fmt::format("mAP50 of the {} under {}x{} pixels: {:.4f}",
                            counted(result.small.truths, "object"), metrics::kSmallSide,
                            metrics::kSmallSide, result.small.map50));
  }
  context.say(fmt::format(
      "best F1 {:.3f} at score threshold {:.3f}: precision {:.3f}, recall {:.3f}",
      result.best_f1.f1, result.best_f1.score, result.best_f1.precision, result.best_f1.recall));
}

Json class_json(const run::Evaluation& result, const std::vector<float>& thresholds,
                std::size_t i) {
  const metrics::ClassResult& one = result.iou50[i];
  const metrics::CurvePoint point = run::at_threshold(one, result.best_f1.score);
  return {
      {"name", result.classes[i]},
      {"boxes", one.truths},
      {"ap50", ap(one, metrics::Interpolation::kArea)},  // null if there is nothing to find
      {"ap50_11", ap(one, metrics::Interpolation::kPoints11)},
      {"precision", point.precision},
      {"recall", point.recall},
      {"threshold", thresholds.empty() ? Json(nullptr) : Json(shortest_decimal(thresholds[i]))}};
}

Json as_json(const EvalArguments& arguments, const run::Evaluation& result,
             const FailedImages& failed) {
  Json classes = Json::array();
  const std::vector<float> thresholds = run::recommended_thresholds(result);
  for (std::size_t i = 0; i < result.classes.size(); ++i) {
    classes.push_back(class_json(result, thresholds, i));
  }
  const metrics::BestF1& best = result.best_f1;
  return {{"model", arguments.detector.model.path},
          {"dataset", arguments.dataset},
          {"pictures", result.measured()},
          {"failed", failed.json()},
          {"map50", result.map50},
          {"map50_11", result.map50_11},
          {"map", result.coco.ap},
          {"map75", result.coco.ap75},
          {"small", {{"boxes", result.small.truths}, {"map50", result.small.map50}}},
          {"best_f1",
           {{"score", best.score},
            {"precision", best.precision},
            {"recall", best.recall},
            {"f1", best.f1}}},
          {"classes", classes},
          {"seconds", result.seconds}};
}

void write_report(const EvalArguments& arguments, const run::Evaluation& result,
                  const dataset::Dataset& data) {
  run::ReportInput input;
  input.title =
      storage::filename(arguments.detector.model.path) + " on " + storage::filename(data.uri);
  input.evaluation = &result;
  input.dataset = &data;
  storage::write(arguments.report, run::make_report(input));
}

// Stores what was measured in the model's file.
void save(const std::string& file, const EvalArguments& arguments, const std::string& split,
          const run::Evaluation& result, const Context& context) {
  if (run::recommended_thresholds(result).empty()) {
    context.say("nothing was found correctly: " + file + " stays as it is");
    return;
  }
  const Bytes bytes = storage::map(file);
  graph::OkoFile model = graph::read_oko(bytes, file);
  run::set_evaluation(model.network, result, storage::filename(arguments.dataset), split,
                      graph::content_hash(model.network));
  storage::write(file, graph::with_metadata(bytes, file, model.network.metadata));
  context.say("saved in " + file + ": the metrics, and the threshold of each class");
}

void evaluate(const EvalArguments& arguments, Context& context) {
  if (!arguments.report.empty()) run::check_output(arguments.report);
  const std::string file = arguments.save ? own_file(arguments.detector) : "";
  std::string split = arguments.split;
  detect::Detector detector = make_detector(arguments.detector, context);
  FailedImages failed;
  const dataset::Dataset data = read_split(arguments, split, failed, context);
  const std::size_t images = failed.count() + data.samples.size();
  if (!arguments.report.empty()) {
    InputFiles files;
    files.add(arguments.detector.model);
    files.add(data);
    files.claim(arguments.report);
  }
  run::EvaluateOptions options = arguments.options;
  options.thresholds = arguments.detector.thresholds;
  options.tiles = arguments.detector.tiles;
  const run::Evaluation result = run::evaluate(detector, data, options, *context.progress);
  for (const run::UnreadableImage& one : result.unreadable) {
    failed.add(data.samples[one.sample].image, one.error);
  }
  say_result(result, context);
  if (arguments.save) save(file, arguments, split, result, context);
  failed.finish(images, "image", ": they were not measured", context);
  if (!arguments.report.empty()) {
    write_report(arguments, result, data);
    context.say("report: " + arguments.report);
  } else {
    context.say("next: --report report.html shows the curves and the worst images");
  }
  context.emit(as_json(arguments, result, failed));
}

}  // namespace

void add_eval_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("eval", "Measure a model on a labelled dataset");
  const auto arguments = std::make_shared<EvalArguments>();
  EvalArguments& a = *arguments;
  a.detector.thresholds = run::measuring_thresholds();
  add_detector_arguments(*command, a.detector);
  command
      ->add_option(
          "DATASET", a.dataset,
          fmt::format("A labelled dataset ({})", fmt::join(dataset::format_titles(), ", ")))
      ->required()
      ->type_name("FOLDER");
  add_exif_option(*command, a.exif);
  command
      ->add_option("--split", a.split,
                   "Split to measure: train, val, test or all (default: val, else test, else all)")
      ->type_name("NAME");
  command->add_flag("--save", a.save,
                    "Store the metrics and the threshold of each class in the model, an .oko file");
  command->add_option("--report", a.report, "Write an HTML report to this file")->type_name("FILE");
  command->add_option("--batch", a.options.batch, "Images per batch")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->type_name("N");
  command->footer(R"(
Examples:
  oko eval runs/one photos/
  oko eval model.oko photos/ --split test --report report.html
  oko eval imported.oko photos/ --save
  oko eval yolov3.cfg photos/ --weights yolov3.weights --names coco.names --json)");
  command->callback([arguments, &context] {
    arguments->detector.check_thresholds();
    evaluate(*arguments, context);
  });
}

}  // namespace oko::cli
