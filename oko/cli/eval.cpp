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
#include "oko/dataset/format.h"
#include "oko/dataset/image_sizes.h"
#include "oko/run/evaluate.h"
#include "oko/run/output.h"
#include "oko/run/report.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

struct EvalArguments {
  DetectorArguments detector;
  std::string dataset, split, report;
  dataset::BoxPixels exif = dataset::BoxPixels::kAuto;
  run::EvaluateOptions options;
};

// Without --split: the val or test split if there is one, else everything.
dataset::Dataset read_split(const EvalArguments& arguments, FailedImages& failed,
                            const Context& context) {
  dataset::Dataset data = readable_data(arguments.dataset, failed, context, arguments.exif);
  std::string split = arguments.split;
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
  Table table({"class", "boxes", "AP50", "11-point", "precision", "recall"});
  for (std::size_t i = 0; i < result.classes.size(); ++i) {
    const metrics::ClassResult& one = result.iou50[i];
    if (one.truths == 0 && one.curve.empty()) continue;
    const metrics::CurvePoint point = run::at_threshold(one, result.best_f1.score);
    table.add({result.classes[i], std::to_string(one.truths),
               number(ap(one, metrics::Interpolation::kArea)),
               number(ap(one, metrics::Interpolation::kPoints11)), number(point.precision),
               number(point.recall)});
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

Json class_json(const run::Evaluation& result, std::size_t i) {
  const metrics::ClassResult& one = result.iou50[i];
  const metrics::CurvePoint point = run::at_threshold(one, result.best_f1.score);
  return {{"name", result.classes[i]},
          {"boxes", one.truths},
          {"ap50", ap(one, metrics::Interpolation::kArea)},  // null if there is nothing to find
          {"ap50_11", ap(one, metrics::Interpolation::kPoints11)},
          {"precision", point.precision},
          {"recall", point.recall}};
}

Json as_json(const EvalArguments& arguments, const run::Evaluation& result,
             const FailedImages& failed) {
  Json classes = Json::array();
  for (std::size_t i = 0; i < result.classes.size(); ++i) classes.push_back(class_json(result, i));
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

void evaluate(const EvalArguments& arguments, Context& context) {
  if (!arguments.report.empty()) run::check_output(arguments.report);
  detect::Detector detector = make_detector(arguments.detector, context);
  FailedImages failed;
  const dataset::Dataset data = read_split(arguments, failed, context);
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
  command->add_option("--report", a.report, "Write an HTML report to this file")->type_name("FILE");
  command->add_option("--batch", a.options.batch, "Images per batch")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->type_name("N");
  command->footer(R"(
Examples:
  oko eval runs/one photos/
  oko eval model.oko photos/ --split test --report report.html
  oko eval yolov3.cfg photos/ --weights yolov3.weights --names coco.names --json)");
  command->callback([arguments, &context] {
    arguments->detector.check_thresholds();
    evaluate(*arguments, context);
  });
}

}  // namespace oko::cli
