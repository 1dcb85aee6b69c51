#include "oko/cli/model.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "oko/base/class_list.h"
#include "oko/base/count.h"
#include "oko/base/error.h"
#include "oko/cli/heads_from.h"
#include "oko/convert/read.h"
#include "oko/dataset/encoding.h"
#include "oko/graph/builtin.h"
#include "oko/storage/store.h"

namespace oko::cli {

void add_model_arguments(CLI::App& command, ModelArguments& model) {
  command
      .add_option("MODEL", model.path,
                  "An .oko file, a run folder, or a model file of another format")
      ->required()
      ->type_name("FILE");
  command
      .add_option("--weights", model.weights,
                  "Weights of a model in two files: " + formats::models_in_two_files())
      ->type_name("FILE");
  command.add_option("--names", model.names, "File with class names, one per line")
      ->type_name("FILE");
  add_key_arguments(command, model.keys);
  add_heads_from(command, model.heads_from);
}

void add_heads_from(CLI::App& command, std::string& heads_from) {
  command
      .add_option("--heads-from", heads_from,
                  "Model whose heads, class names and preprocessing to use, if the file has none")
      ->type_name("FILE");
}

std::vector<std::string> read_names(const std::string& uri) {
  const dataset::Text text(Bytes(storage::read_text(uri)), uri);
  return parse_class_list(text.text(), uri);
}

void set_names(graph::Network& network, const std::string& uri) {
  std::vector<std::string> names = read_names(uri);
  int classes = network.class_count();
  const std::vector<int> outputs = network.outputs();
  if (network.heads().empty()) {  // a classifier: one name per output value
    classes = network.layers[outputs.front()].output.channels;
    // With several outputs, nothing says which one holds the classes.
    if (outputs.size() > 1) classes = static_cast<int>(names.size());
  }
  if (std::cmp_not_equal(names.size(), classes)) {
    throw input_error(uri,
                      "lists " + counted_text(std::ssize(names), "name") +
                          ", but the network has " + counted_text(classes, "class"),
                      "give the names file the model was trained with");
  }
  network.classes = std::move(names);
}

static formats::ReadModel read_model(const ModelArguments& model, const std::string& size) {
  formats::ReadOptions options;
  if (!size.empty()) options.size = parse_size(size);
  const convert::ModelFiles files =
      convert::open_model(model.path, model.weights, unseal_with(model.keys));
  // Whoever gives a key wants nothing but what that key signed.
  if (!files.was_sealed && (!model.keys.key.empty() || !model.keys.signer.empty())) {
    throw input_error(model.path, "is not a sealed model, but a key for one is given",
                      "without --key and --signer it is opened unchecked");
  }
  formats::ReadModel read = model.heads_from.empty()
                                ? convert::read_model(files, options)
                                : read_with_heads(files, options, model.heads_from);
  if (!model.names.empty()) set_names(read.network, model.names);
  return read;
}

graph::Network load_model(const ModelArguments& model, std::vector<std::string>* notes,
                          const std::string& size) {
  formats::ReadModel read = read_model(model, size);
  if (notes == nullptr) return std::move(read.network);
  *notes = std::move(read.notes);
  if (read.why_no_heads) {
    notes->push_back("its outputs look like heads that oko does not decode: " +
                     read.why_no_heads->place() + ": " + read.why_no_heads->message());
  } else if (read.lacks_heads) {
    notes->push_back(
        "its outputs look like heads, but the file does not contain their anchors: oko import " +
        model.path +
        " --anchors FILE adds heads, and --heads-from MODEL uses those of the model that "
        "it was exported from");
  }
  return std::move(read.network);
}

graph::Network load_model(const ModelArguments& model, const std::string& size,
                          const Context& context) {
  formats::ReadModel read = read_model(model, size);
  if (read.inferred_preprocessing) context.progress->line("note: " + read.notes.front());
  return std::move(read.network);
}

image::Size parse_size(const std::string& text, const char* option) {
  const auto number = [&](std::string_view part) {
    int value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value <= 0) {
      throw Error(ErrorCode::kUsage, option, "\"" + text + "\" is not a size",
                  "write 416 or 416x320 (width x height)");
    }
    return value;
  };
  const std::string_view view = text;
  const auto cross = view.find('x');
  const int width = number(view.substr(0, cross));
  return {width, cross == std::string_view::npos ? width : number(view.substr(cross + 1))};
}

graph::Network builtin_network(const std::string& name, const std::string& size, int classes) {
  graph::BuiltinOptions options;
  if (classes > 0) options.classes = classes;
  if (!size.empty()) {
    const image::Size wanted = parse_size(size);
    options.width = wanted.width;
    options.height = wanted.height;
  }
  return graph::make_builtin(name, options);
}

static const char* fit_text(const image::Preprocess& preprocess) {
  return preprocess.fit == image::Preprocess::Fit::kLetterbox ? "letterbox" : "stretched";
}

std::string preprocess_text(const image::Preprocess& preprocess) {
  std::string text = fmt::format("{}, {}, values from 0 to 1", fit_text(preprocess),
                                 preprocess.bgr ? "BGR" : "RGB");
  if (preprocess.normalizes()) {
    text += fmt::format(", minus {:.4g}, times {:.4g}", fmt::join(preprocess.mean, " "),
                        fmt::join(preprocess.scale, " "));
  }
  return text;
}

Json preprocess_json(const image::Preprocess& preprocess) {
  Json json = {{"fit", fit_text(preprocess)}, {"bgr", preprocess.bgr}};
  if (preprocess.normalizes()) {
    json["mean"] = preprocess.mean;
    json["scale"] = preprocess.scale;
  }
  return json;
}

std::string overlap_text(const graph::Network& network) {
  if (network.diou_exponent == 0) return "IoU";
  return fmt::format("DIoU, exponent {:g}", network.diou_exponent);
}

}  // namespace oko::cli
