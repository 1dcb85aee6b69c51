#include <fmt/format.h>

#include <utility>

#include "oko/base/error.h"
#include "oko/cli/choice.h"
#include "oko/cli/cli.h"
#include "oko/cli/heads_from.h"
#include "oko/cli/inputs.h"
#include "oko/cli/model.h"
#include "oko/cli/parity_text.h"
#include "oko/convert/program.h"
#include "oko/convert/read.h"
#include "oko/convert/reference.h"

namespace oko::cli {
namespace {

struct ParityArguments {
  std::string first, second, first_weights, second_weights, images, size;
  std::size_t count = 8;
  convert::ParityOptions options;
};

// A model, the executor that runs it, and its name in the report.
struct Runner {
  graph::Network network;
  std::unique_ptr<convert::Executor> executor;
  std::string note;                // why no independent program runs it
  std::vector<std::string> notes;  // how it was read
};

// `description` defines the heads of a file that has none.
formats::ReadModel read(const convert::ModelFiles& files, const std::string& size,
                        const std::string& description = {}) {
  formats::ReadOptions options;
  if (!size.empty()) options.size = parse_size(size);
  options.description = description;
  options.raw_outputs = true;  // what the file's own program computes
  formats::ReadModel model = convert::read_model(files, options);
  if (!model.network.weights.empty()) return model;
  throw input_error(files.files.front().name, "has no weights",
                    "pass them with --weights-a or --weights-b");
}

Runner runner_of(const convert::ModelFiles& files, formats::ReadModel model) {
  Runner runner{std::move(model.network), nullptr, {}, std::move(model.notes)};
  runner.executor = convert::independent_executor(*files.format, files.files, runner.network,
                                                  runner.note, model.output_keys);
  if (!runner.executor) runner.executor = convert::make_engine_executor(runner.network);
  return runner;
}

// Two files of one network: if only one defines heads, they apply to the other too.
std::pair<Runner, Runner> runners_of(const ParityArguments& a) {
  const auto first = convert::open_model(a.first, a.first_weights);
  const auto second = convert::open_model(a.second, a.second_weights);
  formats::ReadModel one = read(first, a.size), other = read(second, a.size);
  if (one.network.heads().empty() && !other.network.heads().empty()) {
    one = read(first, a.size, description_for(one.network, other.network));
  } else if (other.network.heads().empty() && !one.network.heads().empty()) {
    other = read(second, a.size, description_for(other.network, one.network));
  }
  return {runner_of(first, std::move(one)), runner_of(second, std::move(other))};
}

void run_parity(const ParityArguments& a, Context& context) {
  const auto [first, second] = runners_of(a);
  if (first.network.input != second.network.input) {
    throw input_error(a.second,
                      fmt::format("takes {}, {} takes {}", graph::to_string(second.network.input),
                                  a.first, graph::to_string(first.network.input)),
                      "compare models with the same input size");
  }
  FailedImages failed;
  const graph::Network plain = without_scaling(first.network);  // each has its own mean and scale
  const auto inputs =
      a.images.empty() ? synthetic_inputs(plain, 3) : inputs_from(plain, a.images, a.count, failed);
  for (const Runner* runner : {&first, &second}) {
    for (const std::string& note : runner->notes) context.progress->line("note: " + note);
    if (!runner->note.empty()) context.progress->line("note: " + runner->note);
  }
  const convert::Parity parity = compare(first.network, *first.executor, *second.executor,
                                         normalized(inputs, first.network.preprocess), a.options,
                                         normalized(inputs, second.network.preprocess));
  context.say_lines(parity_text(parity, a.options));
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
                   "Largest allowed difference, as a fraction of the largest value")
      ->check(number_range(0., 1.))
      ->capture_default_str()
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
    run_parity(*arguments, context);
  });
}

}  // namespace oko::cli
