#include <fmt/format.h>

#include "oko/base/error.h"
#include "oko/cli/choice.h"
#include "oko/cli/cli.h"
#include "oko/cli/inputs.h"
#include "oko/cli/model.h"
#include "oko/cli/parity_text.h"
#include "oko/cli/sealed.h"
#include "oko/convert/description.h"
#include "oko/convert/runner.h"
#include "oko/convert/tolerance.h"

namespace oko::cli {
namespace {

struct ParityArguments {
  std::string first, second, first_weights, second_weights, images, size;
  KeyArguments keys;  // of both, if they are sealed
  std::size_t count = 8;
  bool tolerance_given = false;
  convert::ParityOptions options;
};

void run_parity(const ParityArguments& a, Context& context) {
  formats::ReadOptions reading;
  if (!a.size.empty()) reading.size = parse_size(a.size);
  const auto [first, second] = convert::runners_of(
      convert::open_model(a.first, a.first_weights, unseal_with(a.keys)),
      convert::open_model(a.second, a.second_weights, unseal_with(a.keys)), reading);
  if (first.network.input != second.network.input) {
    throw input_error(a.second,
                      fmt::format("takes {}, {} takes {}", graph::to_string(second.network.input),
                                  a.first, graph::to_string(first.network.input)),
                      "compare models with the same input size");
  }
  FailedImages failed;
  const graph::Network plain =
      convert::without_scaling(first.network);  // each has its own mean and scale
  const auto inputs =
      a.images.empty() ? synthetic_inputs(plain, 3) : inputs_from(plain, a.images, a.count, failed);
  for (const convert::Runner* runner : {&first, &second}) {
    for (const std::string& note : runner->notes) context.progress->line("note: " + note);
    if (!runner->note.empty()) context.progress->line("note: " + runner->note);
  }
  const convert::Tolerance tolerance = convert::tolerance_between(first, second);
  convert::ParityOptions options = a.options;
  if (!a.tolerance_given) {
    options.tolerance = convert::value_tolerance(tolerance.precision, tolerance.arithmetic);
    options.by_boxes = tolerance.precision == graph::Precision::kInt8 && tolerance.arithmetic &&
                       !first.network.heads().empty();
  }
  const convert::Parity parity = compare(first.network, *first.executor, *second.executor,
                                         normalized(inputs, first.network.preprocess), options,
                                         normalized(inputs, second.network.preprocess));
  context.say_lines(parity_text(parity, options));
  if (!a.tolerance_given && !tolerance.why.empty() && !options.by_boxes) {
    context.say(fmt::format("{}: differences up to {:g} of the largest value agree", tolerance.why,
                            options.tolerance));
  }
  if (a.images.empty()) context.say("the images were synthetic; --images DIR uses real ones");
  if (!parity.agrees()) context.exit_code = static_cast<int>(ErrorCode::kFailed);
  failed.finish(failed.tried(), "image", "; the others were used", context);
  Json document = parity_json(parity);
  document["failed"] = failed.json();
  context.emit(document);
}

}  // namespace

void add_parity_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("parity", "Compare the outputs of two models in any formats");
  const auto arguments = std::make_shared<ParityArguments>();
  ParityArguments& a = *arguments;
  command->add_option("A", a.first, "First model")->required()->type_name("FILE");
  command->add_option("B", a.second, "Second model: another one, or the same in another format")
      ->required()
      ->type_name("FILE");
  command->add_option("--weights-a", a.first_weights, "Weights of A, if it is in two files")
      ->type_name("FILE");
  command->add_option("--weights-b", a.second_weights, "Weights of B, if it is in two files")
      ->type_name("FILE");
  add_key_arguments(*command, a.keys);
  command->add_option("--size", a.size, "Input size, if a file has none or to override it")
      ->type_name("WxH");
  command
      ->add_option("--images", a.images,
                   "Images to run on: a folder, or one file (default: synthetic)")
      ->type_name("DIR");
  command->add_option("--count", a.count, "Use the first N images by name")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str()
      ->type_name("N");
  command
      ->add_option("--tolerance", a.options.tolerance,
                   "Largest allowed difference, as a fraction of the largest value (default: .001; "
                   "more for float16 and int8)")
      ->check(number_range(0., 1.))
      ->type_name("SHARE");
  command->footer(R"(
A file in another format is run by an independent program, if this machine has one, otherwise by
oko's own engine; the report says which. The exit code is 1 if the outputs differ.

Examples:
  oko parity model.oko export/model.onnx --images photos/
  oko parity yolov3-tiny.cfg yolo.h5 --weights-a yolov3-tiny.weights)");
  command->callback([arguments, command, &context] {
    if (arguments->images.empty() && command->get_option("--count")->count() > 0) {
      throw Error(ErrorCode::kUsage, "--count", "has no effect without --images",
                  "give the images with --images");
    }
    arguments->tolerance_given = command->get_option("--tolerance")->count() > 0;
    run_parity(*arguments, context);
  });
}

}  // namespace oko::cli
