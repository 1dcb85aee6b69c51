#include <fmt/format.h>

#include <map>

#include "oko/base/error.h"
#include "oko/cli/cli.h"
#include "oko/cli/model.h"
#include "oko/cli/table.h"
#include "oko/formats/darknet.h"
#include "oko/graph/cost.h"
#include "oko/graph/oko_file.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

struct ImportArguments {
  std::vector<std::string> files;
  std::string names, out;
};

// The files given, by what they are.
struct Sources {
  std::string cfg, weights;
};

Sources sorted_out(const ImportArguments& arguments) {
  Sources sources;
  for (const std::string& file : arguments.files) {
    std::string& place = storage::extension(file) == ".cfg" ? sources.cfg : sources.weights;
    if (!place.empty()) {
      throw Error(ErrorCode::kUsage, file, "given beside " + place + ": one of them is too many",
                  "give one .cfg and one .weights file");
    }
    place = file;
  }
  if (sources.cfg.empty()) {
    throw Error(ErrorCode::kUsage, sources.weights,
                "weights alone do not say what network they are for", "give the .cfg as well");
  }
  return sources;
}

struct Imported {
  graph::Network network;
  formats::DarknetWeights header;
  std::vector<std::string> warnings;
};

Imported read_sources(const Sources& sources, const ImportArguments& arguments) {
  Imported result;
  result.network =
      formats::read_darknet_cfg(storage::read_text(sources.cfg), sources.cfg, &result.warnings);
  if (!sources.weights.empty()) {
    result.header = formats::read_darknet_weights(storage::map(sources.weights), sources.weights,
                                                  result.network);
    if (!result.header.complete) {
      throw input_error(sources.weights,
                        fmt::format("holds only the first {} convolutions of {}",
                                    result.header.convolutions_loaded, sources.cfg),
                        "such a file is for oko train --from, which reads it as it is");
    }
  }
  if (!arguments.names.empty()) set_names(result.network, arguments.names);
  return result;
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

// One line a head: its map, the anchors it uses, its settings.
std::string head_text(const graph::Network& network, int index) {
  const graph::Layer& layer = network.layers[static_cast<std::size_t>(index)];
  std::string text = fmt::format("layer {}, {}x{} cells of {} px", index, layer.output.width,
                                 layer.output.height, network.input.width / layer.output.width);
  if (const auto* yolo = std::get_if<graph::Yolo>(&layer.operation)) {
    text += ", anchors";
    for (const int i : yolo->mask) {
      const graph::Anchor& anchor = yolo->anchors[static_cast<std::size_t>(i)];
      text += fmt::format(" {}:{:g}x{:g}", i, anchor.width, anchor.height);
    }
    if (yolo->scale_x_y != 1) text += fmt::format(", scale_x_y {:g}", yolo->scale_x_y);
  }
  return text;
}

Json heads_json(const graph::Network& network) {
  Json heads = Json::array();
  for (const int index : network.heads()) {
    const graph::Layer& layer = network.layers[static_cast<std::size_t>(index)];
    Json head = {{"layer", index}, {"width", layer.output.width}, {"height", layer.output.height}};
    if (const auto* yolo = std::get_if<graph::Yolo>(&layer.operation)) {
      head["mask"] = yolo->mask;
      head["scale_x_y"] = yolo->scale_x_y;
    }
    heads.push_back(head);
  }
  return heads;
}

void say_understood(const Imported& imported, const Sources& sources, const Context& context) {
  const graph::Network& network = imported.network;
  context.say("network     " + layer_counts(network));
  context.say(fmt::format("input       {} x {} pixels, {} channels", network.input.width,
                          network.input.height, network.input.channels));
  context.say(fmt::format("classes     {}{}", network.class_count(),
                          network.classes.empty()
                              ? " (no names: give --names FILE)"
                              : fmt::format(": {}", fmt::join(network.classes, ", "))));
  for (const int index : network.heads()) {
    context.say("head        " + head_text(network, index));
  }
  context.say("batch norm  " + batch_norm_text(network));
  context.say(sources.weights.empty()
                  ? std::string("weights     none: the network is untrained")
                  : fmt::format("weights     {} numbers, {} pictures seen in training",
                                grouped(graph::total_cost(network).parameters),
                                grouped(static_cast<std::int64_t>(imported.header.seen))));
}

void import(const ImportArguments& arguments, const Context& context) {
  if (storage::extension(arguments.out) != ".oko") {
    throw Error(ErrorCode::kUsage, arguments.out, "the result is an .oko file",
                "end the name after -o in .oko");
  }
  const Sources sources = sorted_out(arguments);
  const Imported imported = read_sources(sources, arguments);
  for (const std::string& warning : imported.warnings)
    context.progress->line("warning: " + warning);
  storage::write(arguments.out, graph::write_oko(imported.network));
  say_understood(imported, sources, context);
  context.say("written to " + arguments.out);
  context.say("next: oko detect " + arguments.out + " PICTURE -o found.jpg");
  context.emit({{"out", arguments.out},
                {"layers", imported.network.layers.size()},
                {"classes", imported.network.classes},
                {"class_count", imported.network.class_count()},
                {"heads", heads_json(imported.network)},
                {"batch_norm", batch_norm_text(imported.network)},
                {"convolutions_loaded", imported.header.convolutions_loaded},
                {"pictures_seen", imported.header.seen},
                {"warnings", imported.warnings}});
}

}  // namespace

void add_import_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("import", "Make an .oko file from another model format");
  const auto arguments = std::make_shared<ImportArguments>();
  command->add_option("FILE", arguments->files, "Darknet .cfg and .weights")
      ->required()
      ->type_name("FILE");
  command->add_option("--names", arguments->names, "Class names, one a line")->type_name("FILE");
  command->add_option("-o,--out", arguments->out, "The .oko file to write")
      ->required()
      ->type_name("FILE");
  command->footer(R"(
Examples:
  oko import yolov3-tiny.cfg yolov3-tiny.weights --names coco.names -o coco.oko
  oko import yolov3-tiny.cfg -o untrained.oko)");
  command->callback([arguments, &context] { import(*arguments, context); });
}

}  // namespace oko::cli
