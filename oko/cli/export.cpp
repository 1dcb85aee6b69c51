#include "oko/convert/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "oko/base/error.h"
#include "oko/base/file_name.h"
#include "oko/base/threads.h"
#include "oko/cli/choice.h"
#include "oko/cli/cli.h"
#include "oko/cli/failed_images.h"
#include "oko/cli/input_files.h"
#include "oko/cli/inputs.h"
#include "oko/cli/model.h"
#include "oko/cli/parity_text.h"
#include "oko/cli/seal_arguments.h"
#include "oko/cli/table.h"
#include "oko/convert/normalization.h"
#include "oko/convert/parity.h"
#include "oko/convert/program.h"
#include "oko/convert/read.h"
#include "oko/convert/reference.h"
#include "oko/convert/tolerance.h"
#include "oko/formats/heads.h"
#include "oko/formats/phone_warnings.h"
#include "oko/graph/about.h"
#include "oko/runtime/quantize.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

struct ExportArguments {
  ModelArguments model;
  std::string to, calibration, size, out, images;
  formats::WriteOptions options;
  std::string stem;
  const formats::Format* format = nullptr;  // --to
  std::size_t count = 4;
  bool no_check = false;
  SealArguments seal;

  bool is_sealed() const { return !seal.to.empty(); }
};

graph::Network network_of(const ExportArguments& a, FailedImages& failed, const Context& context) {
  graph::Network network = load_model(a.model, a.size, context);
  if (a.calibration.empty()) return network;
  runtime::QuantizeOptions options;
  options.threads = available_processors();
  calibrate(network, split_of(calibration_data(a.calibration, failed, context), "", {"train"}), 200,
            options, failed, context);
  return network;
}

// What the user does not say is what the model says of itself.
void take_from(const graph::Network& network, ExportArguments& a) {
  const graph::About about = graph::about(network);
  formats::WriteOptions& options = a.options;
  if (!options.score_given && !about.thresholds.empty()) {
    options.thresholds.class_scores = about.thresholds;
    options.thresholds.score = options.thresholds.lowest_score();
  }
  if (!a.format->limits(options).info) return;
  const auto take = [](std::string& text, const std::string& own) {
    if (text.empty()) text = own;
  };
  take(options.info.description, about.info.description);
  take(options.info.author, about.info.author);
  take(options.info.license, about.info.license);
  take(options.info.version, about.info.version);
}

std::string stem_of(const ExportArguments& a) {
  constexpr std::size_t kLongest = kLongestFileName - 32;  // the rest is for endings
  if (!a.stem.empty()) {
    std::string fault = fault_in_file_name(a.stem);
    if (fault.empty() && a.stem.size() > kLongest) fault = "is too long";
    if (!fault.empty()) {
      throw Error(ErrorCode::kUsage, "--stem", "the name of the files " + fault,
                  "give a name without folders; -o names the folder");
    }
    return a.stem;
  }
  const std::string stem = storage::stem(a.model.path);
  const auto entry = storage::stat(a.model.path);
  const bool is_folder = entry && entry->is_folder;
  return stem.empty()
             ? "model"
             : file_name_from(is_folder ? storage::filename(a.model.path) : stem, kLongest);
}

// What is stored of it: with the model's file sealed, if it is to be.
convert::Export sealed(const ExportArguments& a, const std::optional<Sealer>& sealer,
                       const graph::Network& network, const convert::Export& made) {
  if (!sealer) return made;
  if (made.model.files.size() != 1) {
    throw Error(
        ErrorCode::kUsage, "--seal",
        fmt::format("needs a model of one file, and {} writes {}", a.to, made.model.files.size()),
        a.options.program ? "without --ml-program it is one" : "");
  }
  convert::Export result = made;
  formats::File& file = result.model.files.front();
  file.bytes = Bytes::own(sealer->seal(file.bytes.span(), network, a.format->name));
  file.name += kSealedSuffix;
  result.model.main = file.name;
  return result;
}

// No output may be a file that the model was read from.
void claim_files(const ExportArguments& a, const convert::Export& made) {
  InputFiles files;
  files.add(a.model);
  add_keys(files, a.seal);
  files.add_dataset(a.images);
  files.add_dataset(a.calibration);
  files.refuse_folder(a.out);
  for (const auto& group : {made.model.files, made.wrappers}) {
    for (const formats::File& file : group) files.claim(storage::join(a.out, file.name));
  }
}

// All files are generated before the first is stored, so that a failure leaves nothing
// half-written.
void store(const convert::Export& made, const std::string& folder, const Context& context,
           Json& written) {
  Table table({"file", "size", ""});
  const auto add = [&](const std::vector<formats::File>& files, const char* what) {
    for (const formats::File& file : files) {
      const std::string uri = storage::join(folder, file.name);
      storage::write(uri, file.bytes.span());
      table.add({uri, bytes_text(static_cast<double>(file.bytes.size())), what});
      written.push_back(uri);
    }
  };
  add(made.model.files, "model");
  add(made.wrappers, "for the app");
  context.say_lines(table.text());
}

// Runs the written files: an independent program, or else oko's own reader and a reference
// implementation, which verifies less.
struct Check {
  std::unique_ptr<convert::Executor> executor;
  std::string note;
};

Check check_of(const ExportArguments& a, const convert::Export& made,
               const graph::Network& network) {
  Check check;
  check.executor = convert::independent_executor(*a.format, made.model.files, network, check.note);
  if (check.executor) return check;
  if (a.format->read == nullptr) {
    check.note = "not run: " + check.note;
    return check;
  }
  if (!check.note.empty()) check.note += "; ";
  check.note += "read back by oko's own reader and run by its reference implementation instead";
  formats::ReadOptions options;
  options.description = formats::describe(network);
  check.executor = convert::make_reference_executor(
      convert::read_model({a.format, made.model.files}, options).network);
  return check;
}

std::vector<std::vector<float>> inputs_of(const ExportArguments& a, const graph::Network& network,
                                          FailedImages& failed, const Context& context) {
  if (!a.images.empty()) return inputs_from(network, a.images, a.count, failed);
  context.say("the images below are synthetic; --images DIR uses real ones");
  return synthetic_inputs(network, 2);
}

// One threshold for all classes, as exported models have it: the app's source does the rest.
detect::Thresholds common_thresholds(const ExportArguments& a) {
  detect::Thresholds thresholds = a.options.thresholds;
  thresholds.class_scores.clear();
  return thresholds;
}

// The boxes that the exported model itself outputs, compared with oko's.
Json check_boxes(const ExportArguments& a, const convert::Export& made,
                 const graph::Network& network, FailedImages& failed, Context& context) {
  std::string note;
  const convert::BoxProgram program = convert::independent_boxes(*a.format, made.model.files, note);
  if (!program.run) {
    context.say("parity      not run: " + note);
    return {{"note", note}};
  }
  const auto inputs = inputs_of(a, network, failed, context);
  const auto engine = convert::make_engine_executor(network);
  const convert::BoxAgreement boxes =
      convert::compare_with_boxes(network, *engine, program, inputs, common_thresholds(a));
  const bool agree = convert::boxes_agree(boxes, a.options.precision, a.options.thresholds.score);
  context.say(fmt::format(
      "boxes from oko's engine and from {} on {}: {} and {}, {} the same (lowest IoU {:.4f}, "
      "scores "
      "within {:.2g}): they {}",
      program.name, counted(std::ssize(inputs), "image"), boxes.first, boxes.second, boxes.matched,
      boxes.lowest_iou, boxes.score_difference, agree ? "agree" : "DIFFER"));
  if (program.best_class_only) {
    context.say("both list a box only under its best class, as the model does");
  }
  if (!agree) context.exit_code = static_cast<int>(ErrorCode::kFailed);
  return boxes_json(boxes);
}

Json check_written(const ExportArguments& a, const convert::Export& made,
                   const graph::Network& network, FailedImages& failed, Context& context) {
  if (a.options.boxes) return check_boxes(a, made, network, failed, context);
  const Check check = check_of(a, made, network);
  if (!check.note.empty()) context.say("parity      " + check.note);
  if (!check.executor) return {{"note", check.note}};
  const auto inputs = inputs_of(a, network, failed, context);
  convert::ParityOptions options;
  options.thresholds = common_thresholds(a);
  options.tolerance = convert::value_tolerance(
      a.options.precision, check.executor->arithmetic() != graph::Precision::kFloat32);
  // Core ML computes in floating point whatever the type of its weights; TensorFlow Lite in int8.
  options.by_boxes = a.options.precision == graph::Precision::kInt8 && a.format->runs_in_int8 &&
                     !network.heads().empty();
  const auto engine = convert::make_engine_executor(network);
  const convert::Parity parity =
      convert::compare(network, *engine, *check.executor, inputs, options);
  context.say_lines(parity_text(parity, options));
  if (!parity.agrees()) context.exit_code = static_cast<int>(ErrorCode::kFailed);
  Json result = parity_json(parity);
  if (!check.note.empty()) result["note"] = check.note;
  return result;
}

void check_flags(const ExportArguments& a, const CLI::App& command) {
  const bool counts = command.get_option("--count")->count() > 0;
  const auto refuse = [](const char* flag, const std::string& why) {
    throw Error(ErrorCode::kUsage, flag, "has no effect " + why, "omit one of them");
  };
  if (a.no_check && !a.images.empty()) refuse("--images", "with --no-check: nothing is run");
  if (a.no_check && counts) refuse("--count", "with --no-check: nothing is run");
  if (formats::find_format(a.to)->cannot_run != nullptr && !a.images.empty()) {
    refuse("--images", "with --to " + a.to + ": nothing on this machine runs it");
  }
  if (counts && a.images.empty()) {
    throw Error(ErrorCode::kUsage, "--count", "has no effect without --images",
                "give the images with --images");
  }
}

void check_kotlin(const convert::Export& made, const std::string& format) {
  const auto is_kotlin = [](const formats::File& file) { return file.name.ends_with(".kt"); };
  if (std::ranges::any_of(made.wrappers, is_kotlin)) return;
  throw Error(ErrorCode::kUsage, "--kotlin-package",
              "has no effect: no Kotlin is written for this model with --to " + format,
              "--to oko and --to tflite write it, for networks that detect objects");
}

void run_export(ExportArguments a, const CLI::App& command, Context& context) {
  a.format = formats::find_format(a.to);
  if (!a.calibration.empty()) a.options.precision = graph::Precision::kInt8;
  formats::check_options(*a.format, a.options);
  FailedImages failed;
  std::optional<Sealer> sealer;
  if (a.is_sealed()) {
    a.seal.passphrase = a.model.keys.passphrase;
    check(a.seal);
    sealer.emplace(a.seal);
  }
  a.stem = stem_of(a);
  graph::Network network = network_of(a, failed, context);
  take_from(network, a);
  if (!a.format->is_own) network = convert::with_normalization_layer(std::move(network));
  if (a.out.empty()) a.out = a.stem + "-" + a.to;
  const convert::Export made = convert::export_model(network, *a.format, a.options, a.stem);
  if (command.get_option("--kotlin-package")->count() > 0) check_kotlin(made, a.to);
  const convert::Export stored = sealed(a, sealer, network, made);
  claim_files(a, stored);
  Json written = Json::array();
  store(stored, a.out, context, written);
  std::vector<std::string> warnings = formats::phone_warnings(network);
  if (sealer && !a.format->is_own && !made.wrappers.empty()) {
    warnings.push_back(
        "the app's source loads the plain file by itself: hand it the model that you "
        "load from what oko_content_open() gives");
  }
  warnings.insert(warnings.begin(), made.model.notes.begin(), made.model.notes.end());
  for (const std::string& warning : warnings) context.progress->line("note: " + warning);
  const Json parity = a.no_check ? Json(nullptr) : check_written(a, made, network, failed, context);
  failed.finish(failed.tried(), "image", "; the others were used", context);
  context.emit({{"files", written},
                {"main", storage::join(a.out, stored.model.main)},
                {"warnings", warnings},
                {"failed", failed.json()},
                {"parity", parity}});
}

void add_content_arguments(CLI::App& command, ExportArguments& a) {
  CLI::Option* precision = add_choice(
      command, "--precision", a.options.precision,
      "Type of the weights; formats that compute in int8 need a model made by oko quantize, or "
      "--int8");
  command
      .add_option(
          "--int8", a.calibration,
          "Quantize first, on the images of this dataset or folder; implies --precision int8")
      ->excludes(precision)
      ->type_name("FOLDER");
  command.add_flag("--boxes", a.options.boxes,
                   "Decode and suppress boxes inside the model, if the format can");
  command.add_flag("--ml-program", a.options.program,
                   "Write an ML Program, an .mlpackage (iOS 15 and later)");
  command.add_option("--size", a.size, "Input size, if not the model's own")->type_name("WxH");
  command
      .add_option("--threshold", a.options.thresholds.score,
                  "Score threshold, in the model (--boxes) or the app's source")
      ->check(number_range(0., 1.))
      ->default_str(
          fmt::format("of each class in the model, else {:g}", a.options.thresholds.score))
      ->type_name("SCORE");
  command
      .add_option("--iou", a.options.thresholds.iou,
                  "IoU threshold, in the model (--boxes) or the app's source")
      ->check(number_range(0., 1.))
      ->capture_default_str()
      ->type_name("IOU");
}

void add_info_arguments(CLI::App& command, formats::ModelInfo& info) {
  command.add_option("--description", info.description, "Description stored in the model")
      ->type_name("TEXT");
  command.add_option("--author", info.author, "Author stored in the model")->type_name("TEXT");
  command.add_option("--license", info.license, "License stored in the model")->type_name("TEXT");
  command.add_option("--model-version", info.version, "Version stored in the model")
      ->type_name("TEXT");
}

}  // namespace

void add_export_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("export", "Export a model to another format and verify it");
  const auto arguments = std::make_shared<ExportArguments>();
  ExportArguments& a = *arguments;
  add_model_arguments(*command, a.model);
  add_choice(*command, "--to", a.to, "Format to write", formats::writable_formats())->required();
  command->add_option("-o,--out", a.out, "Folder for the files (default: MODEL-FORMAT)")
      ->type_name("FOLDER");
  command->add_option("--stem", a.stem, "Name of the files, without extension")->type_name("NAME");
  command
      ->add_option("--kotlin-package", a.options.kotlin_package,
                   "Package of the Kotlin source for the app")
      ->capture_default_str()
      ->type_name("NAME");
  add_content_arguments(*command, a);
  add_info_arguments(*command, a.options.info);
  command->add_option("--images", a.images, "Images to verify with: a folder, or one file")
      ->type_name("DIR");
  command->add_option("--count", a.count, "Use the first N images by name")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str()
      ->type_name("N");
  command->add_flag("--no-check", a.no_check, "Skip verification of the exported model");
  const SealFlags flags = add_seal_arguments(
      *command, a.seal, "--seal",
      "Seal the model's file for this public key, or those in a file; may be repeated; needs --id, "
      "--release and --sign");
  CLI::Option* seal = flags.needed.front();
  for (CLI::Option* option : flags.needed) {
    if (option != seal) option->needs(seal);
  }
  for (CLI::Option* option : flags.others) option->needs(seal);
  command->footer(R"(
The exported model is then run by an independent program, if this machine has one, and compared with
oko's engine. The exit code is 1 if they differ.

Examples:
  oko export runs/one --to coreml --boxes --author "Leaf Ltd" -o ios/
  oko export model.oko --to onnx --images photos/
  oko export model.oko --to tflite --int8 photos/
  oko export runs/one --to oko --seal keys/model.pub --id cards --release 7 --sign keys/signing.key)");
  command->callback([arguments, command, &context] {
    check_flags(*arguments, *command);
    arguments->options.score_given = command->get_option("--threshold")->count() > 0;
    run_export(*arguments, *command, context);
  });
}

}  // namespace oko::cli
