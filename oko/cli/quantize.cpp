#include <fmt/format.h>

#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/cli/choice.h"
#include "oko/cli/cli.h"
#include "oko/cli/data.h"
#include "oko/cli/failed_images.h"
#include "oko/cli/input_files.h"
#include "oko/cli/inputs.h"
#include "oko/cli/model.h"
#include "oko/cli/table.h"
#include "oko/graph/oko_file.h"
#include "oko/run/evaluate.h"
#include "oko/run/output.h"
#include "oko/runtime/engine.h"
#include "oko/runtime/quantize.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

struct QuantizeArguments {
  ModelArguments model;
  std::string dataset, out, split, eval_split;
  dataset::BoxPixels exif = dataset::BoxPixels::kAuto;
  runtime::QuantizeOptions options;
  graph::Precision store = graph::Precision::kInt8;
  std::size_t pictures = 200;
  int threads = 0;
  bool skip_eval = false;
};

run::Evaluation measure(const graph::Network& network, graph::Precision precision,
                        const dataset::Dataset& data, int threads, FailedImages& failed,
                        const Context& context) {
  detect::Detector detector(network, runtime::make_engine(network, {threads, precision}));
  run::Evaluation result = run::evaluate(detector, data, {}, *context.progress);
  for (const run::UnreadableImage& one : result.unreadable) {
    failed.add(data.samples[one.sample].image, one.error);
  }
  return result;
}

Json as_json(const run::Evaluation& result) {
  return {{"map50", result.map50}, {"map", result.coco.ap}, {"seconds", result.seconds}};
}

void check_flags(const QuantizeArguments& a, const CLI::App& command) {
  const auto refuse = [](const char* flag, const char* why) {
    throw Error(ErrorCode::kUsage, flag, why, "omit one of them");
  };
  if (command.get_option("--keep")->count() > 0 &&
      a.options.method != runtime::Calibration::kPercentile) {
    refuse("--keep", "has no effect without --method percentile");
  }
  if (!a.eval_split.empty() && a.skip_eval) {
    refuse("--eval-split", "has no effect with --no-eval");
  }
  run::check_output(a.out);
}

void quantize(const QuantizeArguments& a, Context& context) {
  graph::Network network = load_model(a.model, {}, context);
  FailedImages failed;
  const dataset::Dataset data = calibration_data(a.dataset, failed, context, a.exif);
  const bool measures = !a.skip_eval && !data.classes.empty();
  if (!measures && !a.skip_eval) {
    if (!a.eval_split.empty()) {
      throw Error(ErrorCode::kUsage, "--eval-split", "needs labels, and " + a.dataset + " has none",
                  "omit it, or give a labelled dataset");
    }
    context.progress->line("note: the images have no labels: mAP is not measured");
  }
  const std::size_t images = failed.count() + data.samples.size();
  InputFiles files;
  files.add(a.model);
  files.add(data);
  files.claim(a.out);
  const dataset::Dataset unseen = split_of(data, a.eval_split, {"val", "test"});
  const graph::Network original = network;
  runtime::QuantizeOptions options = a.options;
  options.threads = a.threads > 0 ? a.threads : available_processors();
  const std::size_t pictures =
      calibrate(network, split_of(data, a.split, {"train"}), a.pictures, options, failed, context);

  // The quantized model is measured as read back from its file.
  const Bytes bytes(graph::write_oko(network, {}, a.store));
  network = graph::read_oko(bytes, a.out).network;
  const std::string_view method = word_of(options.method);
  Json result = {{"model", a.out}, {"method", method}, {"pictures", pictures}};
  if (measures) {
    const run::Evaluation before =
        measure(original, graph::Precision::kFloat32, unseen, a.threads, failed, context);
    const run::Evaluation after =
        measure(network, graph::Precision::kInt8, unseen, a.threads, failed, context);
    Table table({"precision", "mAP50", "mAP50-95", "time"});
    table.add({"fp32", fmt::format("{:.4f}", before.map50), fmt::format("{:.4f}", before.coco.ap),
               fmt::format("{:.1f} s", before.seconds)});
    table.add({"int8", fmt::format("{:.4f}", after.map50), fmt::format("{:.4f}", after.coco.ap),
               fmt::format("{:.1f} s", after.seconds)});
    context.say_lines(table.text());
    context.say(fmt::format("mAP50 {:+.2f} points on {} images", 100 * (after.map50 - before.map50),
                            after.measured()));
    result["before"] = as_json(before);
    result["after"] = as_json(after);
  }
  storage::write(a.out, bytes.span());
  context.say(fmt::format("{} ({}, {} images) -> {}", network.name, method, pictures, a.out));
  failed.finish(images, "image", "; the others were used", context);
  context.say("next: oko detect " + a.out + " IMAGE runs it in int8");
  result["failed"] = failed.json();
  context.emit(result);
}

}  // namespace

void add_quantize_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("quantize", "Quantize a model to int8, with mAP before and after");
  const auto arguments = std::make_shared<QuantizeArguments>();
  QuantizeArguments& a = *arguments;
  add_model_arguments(*command, a.model);
  command
      ->add_option("DATASET", a.dataset,
                   "Images like those the model will see; with labels, mAP is measured")
      ->required()
      ->type_name("FOLDER");
  add_exif_option(*command, a.exif);
  command->add_option("-o,--out", a.out, "Where to write the quantized model")
      ->required()
      ->type_name("FILE");
  add_choice(*command, "--method", a.options.method,
             "How ranges are chosen: all values, all but the rarest, or by KL divergence");
  command
      ->add_option("--keep", a.options.keep,
                   "Fraction of the values that the percentile method keeps in range")
      ->check(number_range(.9, 1.))
      ->capture_default_str()
      ->type_name("SHARE");
  command->add_flag("--equalize,!--no-equalize", a.options.equalize,
                    "Equalize channel ranges first [default: on]");
  add_choice(*command, "--store", a.store, "Type of the stored weights");
  command->add_option("--pictures", a.pictures, "Number of images to calibrate with")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--split", a.split, "Split to calibrate with (default: train, else all)")
      ->type_name("NAME");
  command->add_option("--eval-split", a.eval_split, "Split to measure on (default: val, else test)")
      ->type_name("NAME");
  command->add_flag("--no-eval", a.skip_eval, "Skip measuring mAP before and after");
  command->add_option("--threads", a.threads, "CPU threads (0: one per core)")
      ->check(thread_range())
      ->capture_default_str()
      ->type_name("N");
  command->footer(R"(
Examples:
  oko quantize runs/one photos/ -o model-int8.oko
  oko quantize model.oko photos/ -o model-int8.oko --method kl --pictures 500)");
  command->callback([arguments, command, &context] {
    check_flags(*arguments, *command);
    quantize(*arguments, context);
  });
}

}  // namespace oko::cli
