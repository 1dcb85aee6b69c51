#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "oko/base/error.h"
#include "oko/cli/choice.h"
#include "oko/cli/cli.h"
#include "oko/cli/heads_from.h"
#include "oko/cli/input_files.h"
#include "oko/cli/model.h"
#include "oko/cli/table.h"
#include "oko/convert/read.h"
#include "oko/graph/cost.h"
#include "oko/graph/oko_file.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

struct ImportArguments {
  std::vector<std::string> files;
  std::string weights, network, names, anchors, masks, decoding, size, heads_from, out;
  bool no_heads = false, bgr = false, stretch = false, letterbox = false;
};

// The main model file first, its companion files after it.
std::vector<std::string> sorted_out(std::vector<std::string> files, const std::string& weights) {
  const auto leads = [](const std::string& file) { return !convert::is_companion(file); };
  std::stable_partition(files.begin(), files.end(), leads);
  const bool is_pair = files.size() == 2 && !leads(files[1]);
  if (!weights.empty()) files.push_back(weights);
  if (files.size() > 2 || (files.size() == 2 && weights.empty() && !is_pair)) {
    throw Error(ErrorCode::kUsage, files.back(), "is a second model beside " + files.front(),
                "give the files of one model: " + formats::models_in_two_files());
  }
  return files;
}

// "0,1,2/3,4,5": the anchors of each output.
std::vector<std::vector<int>> masks_of(const std::string& text) {
  std::vector<std::vector<int>> masks;
  if (text.empty()) return masks;
  masks.emplace_back();
  for (const char* at = text.data(); at < text.data() + text.size();) {
    int index = 0;
    const auto [end, error] = std::from_chars(at, text.data() + text.size(), index);
    const char next = end < text.data() + text.size() ? *end : '\0';
    if (error != std::errc() || (next != '\0' && next != ',' && next != '/')) {
      throw Error(ErrorCode::kUsage, "--masks", "\"" + text + "\" is not a list of masks",
                  "write the anchor indices of each output, from 0: 3,4,5/0,1,2");
    }
    masks.back().push_back(index);
    if (next == '/') masks.emplace_back();
    at = end + 1;
  }
  return masks;
}

// A file with anchors, or the anchors themselves.
std::vector<graph::Anchor> anchors_of(const std::string& given) {
  if (given.empty()) return {};
  const bool is_list = given.find_first_not_of("0123456789., ") == std::string::npos;
  return is_list ? formats::read_anchors(given, "--anchors")
                 : formats::read_anchors(storage::read_text(given), given);
}

// The network for a weights-only file: a built-in one, or another model's.
graph::Network structure_of(const ImportArguments& arguments, std::vector<std::string>& notes) {
  const std::string& name = arguments.network;
  if (convert::is_model(name)) {
    formats::ReadModel model = convert::read_model(convert::open_model(name), {});
    notes = std::move(model.notes);
    model.network.weights.clear();
    model.network.metadata = Json::object();  // how those were trained, measured, quantized
    return std::move(model.network);
  }
  const std::size_t classes = arguments.names.empty() ? 0 : read_names(arguments.names).size();
  return builtin_network(name, arguments.size, static_cast<int>(classes));
}

void check_heads(const formats::ReadModel& read, const ImportArguments& arguments) {
  if (!read.lacks_heads || arguments.no_heads) return;
  if (read.why_no_heads) {
    throw Error(ErrorCode::kUsage, arguments.files.front() + ": " + read.why_no_heads->place(),
                read.why_no_heads->message(), read.why_no_heads->hint());
  }
  throw Error(
      ErrorCode::kUsage, arguments.files.front(),
      "its outputs look like heads, but the file does not contain their anchors",
      "give --anchors (a file, or 10,14,23,27,…), --decoding and the family of a detector without "
      "anchors, --heads-from the model that it was exported from, or --no-heads to import raw "
      "outputs");
}

formats::ReadModel read_sources(const ImportArguments& arguments) {
  if (arguments.anchors.empty() && !arguments.masks.empty()) {
    throw Error(ErrorCode::kUsage, "--masks", "selects from --anchors, which is missing",
                "give both");
  }
  if (arguments.no_heads && !arguments.anchors.empty()) {
    throw Error(ErrorCode::kUsage, "--no-heads",
                "cannot be combined with --anchors, which adds heads", "omit one of them");
  }
  if (arguments.no_heads && !arguments.decoding.empty()) {
    throw Error(ErrorCode::kUsage, "--no-heads",
                "cannot be combined with --decoding, which adds heads", "omit one of them");
  }
  if (!arguments.heads_from.empty() &&
      (arguments.no_heads || !arguments.anchors.empty() || !arguments.decoding.empty())) {
    throw Error(ErrorCode::kUsage, "--heads-from",
                "cannot be combined with --anchors, --decoding or --no-heads", "omit one of them");
  }
  const std::vector<std::string> files = sorted_out(arguments.files, arguments.weights);
  formats::ReadOptions options;
  std::vector<std::string> notes;
  if (!arguments.network.empty()) options.network = structure_of(arguments, notes);
  if (!arguments.size.empty()) options.size = parse_size(arguments.size);
  options.heads = {anchors_of(arguments.anchors), masks_of(arguments.masks),
                   value_named<formats::Family>(arguments.decoding)};
  options.raw_outputs = arguments.no_heads;
  const convert::ModelFiles model =
      convert::open_model(files.front(), files.size() > 1 ? files[1] : std::string());
  formats::ReadModel read = arguments.heads_from.empty()
                                ? convert::read_model(model, options)
                                : read_with_heads(model, options, arguments.heads_from);
  read.notes.insert(read.notes.begin(), notes.begin(), notes.end());
  if (arguments.no_heads && !read.network.heads().empty()) {
    read.network = formats::remove_heads(read.network);
  }
  check_heads(read, arguments);
  if (arguments.bgr) read.network.preprocess.bgr = true;
  if (arguments.letterbox) read.network.preprocess.fit = image::Preprocess::Fit::kLetterbox;
  if (arguments.stretch) read.network.preprocess.fit = image::Preprocess::Fit::kStretch;
  if (!arguments.names.empty()) set_names(read.network, arguments.names);
  return read;
}

std::string layer_counts(const graph::Network& network) {
  std::map<std::string, int> counts;
  for (const graph::Layer& layer : network.layers) ++counts[graph::name_of(layer.operation)];
  std::string text;
  for (const auto& [kind, count] : counts) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, kind);
  }
  return text;
}

std::string batch_norm_text(const graph::Network& network) {
  for (const graph::Layer& layer : network.layers) {
    const auto* convolution = std::get_if<graph::Convolution>(&layer.operation);
    if (convolution == nullptr || !convolution->batch_norm) continue;
    const graph::BatchNorm& norm = *convolution->batch_norm;
    return norm.epsilon_outside_root ? fmt::format("sqrt(variance) + {:g}", norm.epsilon)
                                     : fmt::format("sqrt(variance + {:g})", norm.epsilon);
  }
  return "none";
}

// One line per head: its grid, the anchors it uses, its settings.
std::string head_text(const graph::Network& network, int index) {
  const graph::Layer& layer = network.layers[index];
  const auto* distances = std::get_if<graph::Distances>(&layer.operation);
  std::string text = fmt::format(
      "layer {}, {}x{} cells of {} px", index, layer.output.width, layer.output.height,
      distances != nullptr ? distances->stride : network.input.width / layer.output.width);
  if (distances != nullptr) text += fmt::format(", {} bins a side", distances->bins);
  if (const auto* yolo = std::get_if<graph::Yolo>(&layer.operation)) {
    text += ", anchors";
    for (const int i : yolo->mask) {
      const graph::Anchor& anchor = yolo->anchors[i];
      text += fmt::format(" {}:{:g}x{:g}", i, anchor.width, anchor.height);
    }
    if (yolo->scale_x_y != 1) text += fmt::format(", scale_x_y {:g}", yolo->scale_x_y);
  }
  return text;
}

Json heads_json(const graph::Network& network) {
  Json heads = Json::array();
  for (const int index : network.heads()) {
    const graph::Layer& layer = network.layers[index];
    Json head = {{"layer", index}, {"width", layer.output.width}, {"height", layer.output.height}};
    if (const auto* yolo = std::get_if<graph::Yolo>(&layer.operation)) {
      head["mask"] = yolo->mask;
      head["scale_x_y"] = yolo->scale_x_y;
    }
    heads.push_back(head);
  }
  return heads;
}

void say_outputs(const graph::Network& network, const Context& context) {
  const std::vector<int> outputs = network.outputs();
  const std::vector<std::string> names = formats::output_names(network);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& layer = network.layers[outputs[i]];
    context.say(fmt::format("output      {}: {}, no head: a classifier or raw values", names[i],
                            graph::to_string(layer.output)));
  }
}

Json outputs_json(const graph::Network& network) {
  Json outputs = Json::array();
  const std::vector<std::string> names = formats::output_names(network);
  for (const int output : network.outputs()) {
    const graph::Shape& shape = network.layers[output].output;
    outputs.push_back({{"name", names[outputs.size()]},
                       {"layer", output},
                       {"shape", {shape.channels, shape.height, shape.width}}});
  }
  return outputs;
}

void say_understood(const formats::ReadModel& read, const Context& context) {
  const graph::Network& network = read.network;
  context.say("network     " + layer_counts(network));
  context.say(fmt::format("input       {} x {} pixels, {} channels: {}", network.input.width,
                          network.input.height, network.input.channels,
                          preprocess_text(network.preprocess)));
  context.say(fmt::format("classes     {}{}", network.class_count(),
                          network.classes.empty()
                              ? " (no names: give --names FILE)"
                              : fmt::format(": {}", fmt::join(network.classes, ", "))));
  for (const int index : network.heads()) {
    context.say("head        " + head_text(network, index));
  }
  if (network.heads().empty()) {
    say_outputs(network, context);
  } else {
    context.say("suppression " + overlap_text(network));
  }
  context.say("batch norm  " + batch_norm_text(network));
  const std::string seen = fmt::format(", {} images seen in training",
                                       grouped(static_cast<std::int64_t>(read.pictures_seen)));
  context.say(network.weights.empty() ? std::string("weights     none: the network is untrained")
                                      : fmt::format("weights     {} values{}",
                                                    grouped(graph::total_cost(network).parameters),
                                                    read.pictures_seen > 0 ? seen : ""));
}

void import(const ImportArguments& arguments, const Context& context) {
  if (storage::extension(arguments.out) != ".oko") {
    throw Error(ErrorCode::kUsage, arguments.out, "the output is an .oko file",
                "give -o a name that ends in .oko");
  }
  InputFiles files;
  for (const std::string& file : arguments.files) files.add(ModelArguments{file, "", ""});
  for (const std::string& other : {arguments.network, arguments.heads_from}) {
    if (!other.empty()) files.add(ModelArguments{other, "", ""});
  }
  for (const std::string& file : {arguments.weights, arguments.names, arguments.anchors}) {
    files.add(file);
  }
  files.claim(arguments.out);
  const formats::ReadModel read = read_sources(arguments);
  for (const std::string& note : read.notes) context.progress->line("note: " + note);
  storage::write(arguments.out, graph::write_oko(read.network));
  say_understood(read, context);
  context.say("written to " + arguments.out);
  context.say(read.network.heads().empty()
                  ? "next: oko inspect " + arguments.out
                  : "next: oko detect " + arguments.out + " IMAGE -o found.jpg");
  context.emit({{"out", arguments.out},
                {"layers", read.network.layers.size()},
                {"classes", read.network.classes},
                {"class_count", read.network.class_count()},
                {"heads", heads_json(read.network)},
                {"outputs", outputs_json(read.network)},
                {"preprocess", preprocess_json(read.network.preprocess)},
                {"diou_exponent", read.network.diou_exponent},
                {"batch_norm", batch_norm_text(read.network)},
                {"pictures_seen", read.pictures_seen},
                {"notes", read.notes}});
}

}  // namespace

void add_import_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("import", "Convert a model of another format to an .oko file");
  const auto arguments = std::make_shared<ImportArguments>();
  ImportArguments& a = *arguments;
  command
      ->add_option("FILE", a.files,
                   "A model of " + formats::readable_titles() +
                       "; two files if it is in two: " + formats::models_in_two_files())
      ->required()
      ->type_name("FILE");
  command->add_option("--weights", a.weights, "Weights of a model in two files")->type_name("FILE");
  command->add_option("--names", a.names, "File with class names, one per line")->type_name("FILE");
  command
      ->add_option("--anchors", a.anchors,
                   "Anchors of all heads in pixels, if the model file has none: a file or a list")
      ->type_name("FILE|W,H,…");
  command
      ->add_option("--masks", a.masks,
                   "Anchor indices of each output, in the file's order: 3,4,5/0,1,2")
      ->type_name("LIST");
  add_choice(*command, "--decoding", a.decoding,
             "Family of the detector, whose decoding of boxes the file does not show; yolov3, "
             "yolov5 and mostly yolo-fastestv2 need --anchors",
             {kWords<formats::Family>.begin(), kWords<formats::Family>.end()})
      ->type_name("FAMILY");
  command
      ->add_option("--network", a.network,
                   "Network for a weights-only file: a built-in name or a model file")
      ->type_name("NAME|FILE");
  add_heads_from(*command, a.heads_from);
  command->add_option("--size", a.size, "Input size, if the file has none or to override it")
      ->type_name("WxH");
  command->add_flag("--bgr", a.bgr, "The model was trained on BGR images");
  CLI::Option* stretch =
      command->add_flag("--stretch", a.stretch,
                        "The model was trained on stretched images instead of letterboxed ones");
  command
      ->add_flag("--letterbox", a.letterbox,
                 "The model was trained on letterboxed images, whatever its file suggests")
      ->excludes(stretch);
  command->add_flag("--no-heads", a.no_heads, "Keep raw outputs, add no heads");
  command->add_option("-o,--out", a.out, "Where to write the .oko file")
      ->required()
      ->type_name("FILE");
  command->footer(R"(
Examples:
  oko import yolov3-tiny.cfg yolov3-tiny.weights --names coco.names -o coco.oko
  oko import yolo.h5 --anchors yolo_anchors.txt --names classes.txt --size 416 -o yolo.oko
  oko import trained_weights.h5 --network yolov3-tiny --names classes.txt -o yolo.oko
  oko import model.onnx --anchors 10,14,23,27,37,58,81,82,135,169,344,319 -o model.oko)");
  command->callback([arguments, &context] { import(*arguments, context); });
}

}  // namespace oko::cli
