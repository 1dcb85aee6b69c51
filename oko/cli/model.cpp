#include "oko/cli/model.h"

#include <charconv>
#include <utility>

#include "oko/base/error.h"
#include "oko/formats/darknet.h"
#include "oko/graph/oko_file.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

graph::Network read_darknet(const std::string& cfg, const std::string& weights) {
  graph::Network network = formats::read_darknet_cfg(storage::read_text(cfg), cfg);
  if (weights.empty()) return network;
  const formats::DarknetWeights header =
      formats::read_darknet_weights(storage::map(weights), weights, network);
  if (!header.complete) {
    throw input_error(weights,
                      "holds only the first " + std::to_string(header.convolutions_loaded) +
                          " convolutions of " + cfg,
                      "train from it (oko train --from), or give the whole weights");
  }
  return network;
}

graph::Network read_model(const std::string& path, const std::string& weights) {
  const auto entry = storage::stat(path);
  if (!entry) throw input_error(path, "no such file");
  if (entry->is_folder) {
    const std::string inside = storage::join(path, "model.oko");
    if (!storage::exists(inside)) {
      throw input_error(path, "this folder holds no model.oko",
                        "give a run folder or a model file");
    }
    return read_model(inside, weights);
  }
  const std::string kind = storage::extension(path);
  if (kind == ".cfg") return read_darknet(path, weights);
  if (kind == ".weights") {
    throw Error(ErrorCode::kUsage, path, "a .weights file does not say what network it is for",
                "give the .cfg as the model and this file with --weights");
  }
  if (kind != ".oko") {
    throw Error(ErrorCode::kUsage, path, "not a model file that oko reads",
                "give an .oko file, a run folder, or a Darknet .cfg with --weights");
  }
  if (!weights.empty()) {
    throw Error(ErrorCode::kUsage, weights, "--weights goes with a .cfg; an .oko file has its own",
                "leave --weights out");
  }
  return graph::read_oko(storage::map(path), path).network;
}

}  // namespace

void add_model_arguments(CLI::App& command, ModelArguments& model) {
  command.add_option("MODEL", model.path, "Model: .oko, a run folder, or a Darknet .cfg")
      ->required()
      ->type_name("FILE");
  command.add_option("--weights", model.weights, "Darknet weights for a .cfg")->type_name("FILE");
  command.add_option("--names", model.names, "Class names, one a line")->type_name("FILE");
}

std::vector<std::string> read_names(const std::string& uri) {
  const std::string text = storage::read_text(uri);
  std::vector<std::string> names;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    std::string name = text.substr(start, end - start);
    while (!name.empty() && (name.back() == '\r' || name.back() == ' ')) name.pop_back();
    names.push_back(std::move(name));
    start = end + 1;
  }
  while (!names.empty() && names.back().empty()) names.pop_back();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i].empty()) continue;
    throw input_error(uri + ":" + std::to_string(i + 1), "a class name is empty",
                      "write one class name on each line");
  }
  return names;
}

void set_names(graph::Network& network, const std::string& uri) {
  std::vector<std::string> names = read_names(uri);
  if (std::cmp_not_equal(names.size(), network.class_count())) {
    throw input_error(uri,
                      "lists " + std::to_string(names.size()) + " names, but the network has " +
                          std::to_string(network.class_count()) + " classes",
                      "give the names file the model was trained with");
  }
  network.classes = std::move(names);
}

graph::Network load_model(const std::string& path, const std::string& weights,
                          const std::string& names) {
  graph::Network network = read_model(path, weights);
  if (!names.empty()) set_names(network, names);
  return network;
}

graph::Network load_model(const ModelArguments& model) {
  return load_model(model.path, model.weights, model.names);
}

image::Size parse_size(const std::string& text) {
  const auto number = [&text](std::string_view part) {
    int value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value <= 0) {
      throw Error(ErrorCode::kUsage, "--size", "\"" + text + "\" is no size",
                  "write 416 or 416x320 (width x height)");
    }
    return value;
  };
  const std::string_view view = text;
  const auto cross = view.find('x');
  const int width = number(view.substr(0, cross));
  return {width, cross == std::string_view::npos ? width : number(view.substr(cross + 1))};
}

}  // namespace oko::cli
