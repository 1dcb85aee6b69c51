#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/cli/about_text.h"
#include "oko/cli/cli.h"
#include "oko/cli/detector_arguments.h"
#include "oko/cli/input_files.h"
#include "oko/cli/inputs.h"
#include "oko/cli/model.h"
#include "oko/cli/profile_text.h"
#include "oko/cli/table.h"
#include "oko/formats/heads.h"
#include "oko/formats/phone_warnings.h"
#include "oko/graph/builtin.h"
#include "oko/graph/cost.h"
#include "oko/graph/draw.h"
#include "oko/graph/synthetic.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

struct ProfileArguments {
  bool wanted = false;
  OwnEngineArguments engine;
  std::string picture;  // "": synthetic
  int rounds = 0;       // 0: as many as fit in two seconds
};

struct InspectArguments {
  ModelArguments model;
  int classes = 0;
  std::string size, dot, svg;
  ProfileArguments profile;
};

bool is_builtin(const std::string& name) {
  const auto names = graph::builtin_names();
  return std::find(names.begin(), names.end(), name) != names.end() && !storage::exists(name);
}

graph::Network load(const InspectArguments& arguments, std::vector<std::string>& notes) {
  if (!is_builtin(arguments.model.path)) {
    if (arguments.classes > 0) {
      throw Error(ErrorCode::kUsage, "--classes", "a model file has a fixed class count",
                  "use --classes with a built-in network (" +
                      fmt::format("{}", fmt::join(graph::builtin_names(), ", ")) + ")");
    }
    return load_model(arguments.model, &notes, arguments.size);
  }
  return builtin_network(arguments.model.path, arguments.size, arguments.classes);
}

// The settings of a layer, short enough for a table: "3x3/2 64 leaky bn".
struct Settings {
  std::string operator()(const graph::Convolution& c) const {
    return fmt::format("{}x{}/{} {}{}{} {}", c.size, c.size, c.stride, c.filters,
                       c.groups > 1 ? fmt::format(" groups {}", c.groups) : "",
                       c.batch_norm ? " bn" : "", graph::name_of(c.activation));
  }
  std::string operator()(const graph::MaxPool& p) const {
    return fmt::format("{}x{}/{}", p.size, p.size, p.stride);
  }
  std::string operator()(const graph::Shortcut& s) const { return graph::name_of(s.activation); }
  std::string operator()(const graph::Yolo& y) const {
    return fmt::format("{} classes, anchors {}", y.classes, fmt::join(y.mask, " "));
  }
  template <typename T>
  std::string operator()(const T& other) const {
    return graph::settings_of(other);
  }
};

std::string inputs_text(const graph::Layer& layer) {
  constexpr std::size_t kMost = 16;
  std::string text;
  for (const int input : layer.inputs) {
    if (layer.inputs.size() > kMost && text.size() > 2 * kMost) {
      return text + fmt::format(" … ({} in all)", layer.inputs.size());
    }
    text += (text.empty() ? "" : " ") +
            (input == graph::kNetworkInput ? std::string("in") : std::to_string(input));
  }
  return text;
}

std::string anchors_text(const std::vector<graph::Anchor>& anchors) {
  std::string text;
  for (const graph::Anchor& anchor : anchors) {
    text += fmt::format("{}{:.4g},{:.4g}", text.empty() ? "" : "  ", anchor.width, anchor.height);
  }
  return text;
}

void say_layers(const graph::Network& network, const Context& context) {
  const std::vector<graph::LayerCost> costs = graph::layer_costs(network);
  Table table({"layer", "kind", "settings", "from", "output", "parameters", "MFLOP", "memory"});
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const graph::Layer& layer = network.layers[i];
    table.add({std::to_string(i), graph::name_of(layer.operation),
               std::visit(Settings{}, layer.operation), inputs_text(layer),
               graph::to_string(layer.output),
               costs[i].parameters > 0 ? grouped(costs[i].parameters) : "",
               costs[i].flop > 0 ? fmt::format("{:.1f}", costs[i].flop / 1e6) : "",
               bytes_text(static_cast<double>(costs[i].output_bytes))});
  }
  context.say_lines(table.text());
}

void say_totals(const graph::Network& network, const Context& context) {
  const graph::LayerCost total = graph::total_cost(network);
  const auto peak = static_cast<double>(graph::peak_activation_bytes(network));
  context.say("");
  context.say(fmt::format("{}: input {}, {} classes, {} heads, weights {}",
                          network.name.empty() ? "network" : network.name,
                          graph::to_string(network.input), network.class_count(),
                          network.heads().size(), network.weights.empty() ? "none" : "present"));
  const std::vector<int> outputs = network.outputs();
  const std::vector<std::string> names = formats::output_names(network);
  for (std::size_t i = 0; i < outputs.size() && network.heads().empty(); ++i) {
    context.say(fmt::format("output {}: layer {}", names[i], outputs[i]));
  }
  context.say(fmt::format("images: {}{}", preprocess_text(network.preprocess),
                          network.heads().empty()
                              ? ""
                              : "; overlapping boxes are suppressed by " + overlap_text(network)));
  context.say(fmt::format(
      "parameters {} ({} as float32), {:.2f} GFLOP per image", grouped(total.parameters),
      bytes_text(4.0 * static_cast<double>(total.parameters)), total.flop / 1e9));
  context.say(fmt::format("peak memory besides the weights: {}", bytes_text(peak)));
  if (const auto anchors = graph::anchors_of(network); !anchors.empty()) {
    context.say("anchors " + anchors_text(anchors));
  }
  if (!network.classes.empty()) {
    context.say(fmt::format("classes {}", fmt::join(network.classes, ", ")));
  }
}

Json as_json(const graph::Network& network) {
  const std::vector<graph::LayerCost> costs = graph::layer_costs(network);
  const graph::LayerCost total = graph::total_cost(network);
  Json layers = Json::array();
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const graph::Layer& layer = network.layers[i];
    layers.push_back({{"name", layer.name},
                      {"kind", graph::name_of(layer.operation)},
                      {"settings", std::visit(Settings{}, layer.operation)},
                      {"inputs", layer.inputs},
                      {"output", {layer.output.channels, layer.output.height, layer.output.width}},
                      {"parameters", costs[i].parameters},
                      {"flop", costs[i].flop},
                      {"output_bytes", costs[i].output_bytes}});
  }
  return {{"name", network.name},
          {"input", {network.input.channels, network.input.height, network.input.width}},
          {"classes", network.classes},
          {"class_count", network.class_count()},
          {"has_weights", !network.weights.empty()},
          {"parameters", total.parameters},
          {"flop", total.flop},
          {"peak_activation_bytes", graph::peak_activation_bytes(network)},
          {"layers", layers},
          {"outputs", network.outputs()},
          {"preprocess", preprocess_json(network.preprocess)},
          {"diou_exponent", network.diou_exponent},
          {"metadata", network.metadata}};
}

// Writes a drawing to a file, or to standard output for "-". True if it used standard output.
bool draw(const std::string& target, const std::string& content, const Context& context) {
  if (target == "-") {
    std::cout << content;
    return true;
  }
  storage::write(target, content);
  context.say("drawn to " + target);
  return false;
}

// The engine's input: the image as detection would prepare it, or random values.
std::vector<float> input_of(const graph::Network& network, const std::string& path) {
  if (path.empty()) return runtime::synthetic_image(network);
  if (network.input.channels != 3) {
    throw Error(ErrorCode::kUsage, "--picture",
                fmt::format("the network takes {} channels, images have 3", network.input.channels),
                "omit it: random values are used instead");
  }
  return picture_input(network, path);
}

runtime::Profile profile_of(graph::Network network, const ProfileArguments& arguments,
                            Progress& progress) {
  runtime::ProfileOptions options;
  const OwnEngineArguments& engine = arguments.engine;
  options.threads = engine.threads > 0 ? engine.threads : available_processors();
  options.rounds = arguments.rounds;
  options.model.precision = engine.precision;
  if (engine.target) options.model.target = *engine.target;
  const std::vector<float> input = input_of(network, arguments.picture);
  if (network.weights.empty()) {
    graph::fill_synthetic_weights(network);  // a step takes the same time whatever its values are
    if (options.model.precision == graph::Precision::kInt8) {
      runtime::quantize_on(network, input, options.threads);
    }
  }
  return runtime::profile(network, input, options, progress);
}

void say_profile(const graph::Network& network, const runtime::Profile& profile,
                 const Context& context) {
  context.say_lines(table_text(profile));
  context.say("");
  context.say(fmt::format("{}: input {}{}", network.name.empty() ? "network" : network.name,
                          graph::to_string(network.input),
                          network.weights.empty() ? ", no weights: timed with random ones" : ""));
  context.say_lines(summary_text(profile));
}

void inspect_profile(const graph::Network& network, const ProfileArguments& arguments,
                     const Context& context) {
  const runtime::Profile profile = profile_of(network, arguments, *context.progress);
  say_profile(network, profile, context);
  Json document = as_json(network);
  document["profile"] = profile_json(profile);
  document["profile"]["made_up_weights"] = network.weights.empty();
  context.emit(document);
}

void inspect(const InspectArguments& arguments, const Context& context) {
  const int documents =
      (context.json ? 1 : 0) + (arguments.dot == "-" ? 1 : 0) + (arguments.svg == "-" ? 1 : 0);
  if (documents > 1) {
    throw Error(ErrorCode::kUsage, context.json ? "--json" : "--svg",
                "standard output cannot hold two documents", "give --dot or --svg a file name");
  }
  // Not CLI11's excludes(): help would list such options by address, in a different order each run.
  if (arguments.profile.wanted && !(arguments.dot.empty() && arguments.svg.empty())) {
    throw Error(ErrorCode::kUsage, "--profile", "draws nothing", "omit --dot and --svg");
  }
  InputFiles files;
  files.add(arguments.model);
  for (const std::string& drawing : {arguments.dot, arguments.svg}) {
    if (!drawing.empty() && drawing != "-") files.claim(drawing);
  }
  std::vector<std::string> notes;
  const graph::Network network = load(arguments, notes);
  for (const std::string& note : notes) context.progress->line("note: " + note);
  if (arguments.profile.wanted) return inspect_profile(network, arguments.profile, context);
  if (!arguments.dot.empty() && draw(arguments.dot, graph::to_dot(network), context)) return;
  if (!arguments.svg.empty() && draw(arguments.svg, graph::to_svg(network), context)) return;
  say_layers(network, context);
  say_totals(network, context);
  const std::vector<std::string> warnings = formats::phone_warnings(network);
  if (!warnings.empty()) context.say_lines("\nphones:");
  for (const std::string& warning : warnings) context.say("  " + warning);
  Json document = as_json(network);
  if (!is_builtin(arguments.model.path)) {
    const ModelHash hash = hash_of(arguments.model, network);
    context.say_lines(about_text(network, hash));
    if (hash.differs()) {
      notes.push_back("the file states the hash " + hash.stated +
                      ", which is not that of its content: another program has changed it");
      context.progress->line("note: " + notes.back());
    }
    document["about"] = about_json(network, hash);
  }
  document["notes"] = notes;
  document["phone_warnings"] = warnings;
  context.emit(document);
}

void add_profile_arguments(CLI::App& command, ProfileArguments& profile) {
  CLI::Option* wanted = command.add_flag(
      "--profile", profile.wanted, "Run the model in oko's engine and show the time per step");
  add_own_engine_arguments(command, profile.engine);
  for (const char* flag : {"--precision", "--target", "--threads"}) {
    command.get_option(flag)->needs(wanted);
  }
  command.add_option("--picture", profile.picture, "Image to run on (default: synthetic)")
      ->type_name("FILE")
      ->needs(wanted);
  command
      .add_option("--rounds", profile.rounds,
                  "Number of timed runs (0: as many as fit in two seconds)")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str()
      ->type_name("N")
      ->needs(wanted);
}

}  // namespace

void add_inspect_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("inspect", "Show a network: layers, shapes, cost and speed");
  const auto arguments = std::make_shared<InspectArguments>();
  add_model_arguments(*command, arguments->model);
  command->get_option("MODEL")->description(
      "An .oko file, a run folder, a model file of another format, or the name of a built-in "
      "network");
  command->add_option("--classes", arguments->classes, "Class count of a built-in network")
      ->check(CLI::Range(1, 1 << 20))
      ->type_name("N");
  command->add_option("--size", arguments->size, "Input size, if not the model's own")
      ->type_name("WxH");
  command->add_option("--dot", arguments->dot, "Write the graph for Graphviz (-: standard output)")
      ->type_name("FILE");
  command
      ->add_option("--svg", arguments->svg, "Write the graph as an SVG image (-: standard output)")
      ->type_name("FILE");
  add_profile_arguments(*command, arguments->profile);
  command->footer(R"(
Examples:
  oko inspect yolov3-tiny --classes 3
  oko inspect model.oko --svg model.svg
  oko inspect model.oko --profile --threads 1
  oko inspect yolov3.cfg --size 608 --json)");
  command->callback([arguments, &context] { inspect(*arguments, context); });
}

}  // namespace oko::cli
