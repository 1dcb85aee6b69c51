#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <set>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/base/text.h"
#include "oko/formats/ncnn.h"
#include "oko/formats/ncnn/param.h"
#include "oko/graph/fold.h"
#include "oko/graph/head.h"

namespace oko::formats {
namespace {

using graph::Activation;
using graph::Layer;
using graph::Network;

// ncnn parses text with a point or an e as a float, anything else as the bits of a value.
std::string decimal(float value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.8e", static_cast<double>(value));
  return text.data();
}

std::string setting(int key, int value) {
  return " " + std::to_string(key) + "=" + std::to_string(value);
}

template <typename Values, typename ToText>
std::string list(int key, const Values& values, const ToText& to_text) {
  std::string text =
      " " + std::to_string(ncnn::kArrayKey - key) + "=" + std::to_string(values.size());
  for (const auto& value : values) text += "," + to_text(value);
  return text;
}
std::string list(int key, const std::vector<float>& values) { return list(key, values, decimal); }
std::string list(int key, const std::vector<int>& values) {
  return list(key, values, [](int value) { return std::to_string(value); });
}

class Writer {
 public:
  Writer(const Network& network, const WriteOptions& options)
      : network_(network), options_(options), reads_(network.layers.size() + 1) {
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      const Layer& layer = network.layers[i];
      names_.insert(layer.name);
      if (graph::is_head(layer.operation)) continue;
      for (const int from : layer.inputs) ++map(from).readers;
    }
    const auto outputs = network.outputs();
    const auto names = output_names(network);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      ++map(outputs[i]).readers;
      map(outputs[i]).output = names[i];
      names_.insert(names[i]);
    }
  }

  std::vector<File> files(const std::string& stem) {
    const graph::Shape& in = network_.input;
    add_line("Input", unused(kInputName), {}, {own_blob(graph::kNetworkInput, kInputName)},
             setting(0, in.width) + setting(1, in.height) + setting(2, in.channels));
    split(graph::kNetworkInput, kInputName);
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      if (!graph::is_head(network_.layers[i].operation)) add(static_cast<int>(i));
    }
    if (options_.boxes) add_detection_output();
    const std::string head = std::to_string(ncnn::kMagic) + "\n" + std::to_string(layers_) + " " +
                             std::to_string(blobs_) + "\n";
    lines_.insert(0, head);
    return {text_file(stem + ".param", lines_), {stem + ".bin", Bytes(std::move(bin_))}};
  }

 private:
  struct Map {
    int readers = 0;                    // layers, plus one for an output
    std::string output;                 // its blob's name if it is an output
    std::vector<std::string> branches;  // blobs still to be read, the last one first
  };
  Map& map(int index) { return reads_[index + 1]; }
  const graph::Shape& shape(int index) const { return graph::shape_of(network_, index); }

  std::string unused(std::string name) {
    while (!names_.insert(name).second) name += "_";
    return name;
  }

  void add_line(const char* kind, const std::string& name, const std::vector<std::string>& inputs,
                const std::vector<std::string>& outputs, const std::string& settings) {
    ++layers_;
    blobs_ += static_cast<int>(outputs.size());
    lines_ += kind;
    lines_.append(std::max<std::size_t>(1, 25 - std::min<std::size_t>(24, std::strlen(kind))), ' ');
    lines_ += name + " " + std::to_string(inputs.size()) + " " + std::to_string(outputs.size());
    for (const std::string& blob : inputs) lines_ += " " + blob;
    for (const std::string& blob : outputs) lines_ += " " + blob;
    lines_ += settings + "\n";
  }

  // A layer's output blob, read by its readers or the Split after it.
  std::string own_blob(int index, const std::string& name) {
    Map& made = map(index);
    std::string blob = made.readers == 1 && !made.output.empty() ? made.output : name;
    made.branches.push_back(blob);
    return blob;
  }

  // A blob has one reader: more readers get copies. The first copy of an output is the output.
  void split(int index, const std::string& name) {
    Map& made = map(index);
    if (made.readers < 2) return;
    std::vector<std::string> branches;
    for (int i = 0; i < made.readers; ++i) {
      branches.push_back(i == 0 && !made.output.empty()
                             ? made.output
                             : unused(name + "_split_" + std::to_string(i)));
    }
    add_line("Split", unused(name + "_split"), {made.branches.back()}, branches, "");
    std::ranges::reverse(branches);
    if (!made.output.empty()) branches.pop_back();
    made.branches = std::move(branches);
  }

  std::string read(int index) {
    Map& made = map(index);
    std::string blob = made.branches.back();
    made.branches.pop_back();
    return blob;
  }

  std::vector<std::string> read_all(const Layer& layer) {
    std::vector<std::string> blobs;
    for (const int from : layer.inputs) blobs.push_back(read(from));
    return blobs;
  }

  void add(int index) {
    const Layer& layer = network_.layers[index];
    std::visit([&](const auto& operation) { write(index, layer, operation); }, layer.operation);
    split(index, layer.name);
  }

  // A layer whose activation is a separate line after it.
  void add_with_activation(int index, const char* kind, const std::vector<std::string>& inputs,
                           const std::string& settings, Activation activation) {
    const std::string& name = network_.layers[index].name;
    if (activation == Activation::kLinear) {
      return add_line(kind, name, inputs, {own_blob(index, name)}, settings);
    }
    const std::string between = unused(name + ".linear");
    add_line(kind, name, inputs, {between}, settings);
    const auto [line, with] = activation_line(activation);
    add_line(line, unused(name + ".activation"), {between}, {own_blob(index, name)}, with);
  }

  static std::pair<const char*, std::string> activation_line(Activation activation) {
    const std::string sixth = " 0=" + decimal(1.F / 6) + " 1=" + decimal(.5F);
    switch (activation) {
      case Activation::kLeaky:
        return {"ReLU", " 0=" + decimal(graph::kLeakySlope)};
      case Activation::kRelu6:
        return {"Clip", " 0=" + decimal(0) + " 1=" + decimal(6)};
      case Activation::kLogistic:
        return {"Sigmoid", ""};
      case Activation::kMish:
        return {"Mish", ""};
      case Activation::kSwish:
        return {"Swish", ""};
      case Activation::kHardSigmoid:
        return {"HardSigmoid", sixth};
      case Activation::kHardSwish:
        return {"HardSwish", sixth};
      case Activation::kElu:
        return {"ELU", " 0=" + decimal(1)};
      case Activation::kTanh:
        return {"TanH", ""};
      case Activation::kLinear:
      case Activation::kRelu:
        break;
    }
    return {"ReLU", ""};
  }

  // A convolution line's activation settings; nothing for those that ncnn does not fuse.
  static std::string fused(Activation activation) {
    switch (activation) {
      case Activation::kRelu:
        return setting(9, 1);
      case Activation::kLeaky:
        return setting(9, 2) + list(10, std::vector{graph::kLeakySlope});
      case Activation::kRelu6:
        return setting(9, 3) + list(10, std::vector{0.F, 6.F});
      case Activation::kLogistic:
        return setting(9, 4);
      case Activation::kMish:
        return setting(9, 5);
      default:
        return {};
    }
  }

  void write(int index, const Layer& layer, const graph::Convolution& c) {
    const auto kernel = graph::weight_of(network_, layer, "kernel").floats();
    std::string settings = setting(0, c.filters) + setting(1, c.size);
    if (c.dilation != 1) settings += setting(2, c.dilation);
    if (c.stride != 1) settings += setting(3, c.stride);
    const graph::Padding& p = c.padding;
    if (p != graph::Padding{}) settings += setting(4, p.left);
    if (p != graph::Padding::all(p.left)) {
      settings += setting(14, p.top) + setting(15, p.right) + setting(16, p.bottom);
    }
    settings += setting(5, 1) + setting(6, static_cast<int>(kernel.size()));
    if (c.groups != 1) settings += setting(7, c.groups);
    const std::string in_line = fused(c.activation);
    add_with_activation(index, c.groups == 1 ? "Convolution" : "ConvolutionDepthWise",
                        read_all(layer), settings + in_line,
                        in_line.empty() ? c.activation : Activation::kLinear);
    add_kernel(kernel);
    add_bytes(std::as_bytes(graph::weight_of(network_, layer, "bias").floats()));
  }

  static std::string window(const auto& pool) {
    const graph::Padding& p = pool.padding;
    std::string settings = setting(1, pool.size) + setting(2, pool.stride);
    if (p != graph::Padding{}) settings += setting(3, p.left);
    if (p != graph::Padding::all(p.left)) {
      settings += setting(13, p.top) + setting(14, p.right) + setting(15, p.bottom);
    }
    constexpr int kAsSaid = 1;  // pads as given and drops the remainder
    return settings + setting(5, kAsSaid);
  }
  void write(int index, const Layer& layer, const graph::MaxPool& pool) {
    plain(index, layer, "Pooling", setting(0, 0) + window(pool));
  }
  void write(int index, const Layer& layer, const graph::AveragePool& pool) {
    if (pool.is_global()) return plain(index, layer, "Pooling", setting(0, 1) + setting(4, 1));
    plain(index, layer, "Pooling",
          setting(0, 1) + window(pool) + (pool.counts_padding ? setting(6, 1) : ""));
  }
  void write(int index, const Layer& layer, const graph::Upsample& upsample) {
    const std::string scale = decimal(static_cast<float>(upsample.scale));
    plain(index, layer, "Interp", setting(0, 1) + " 1=" + scale + " 2=" + scale);
  }
  void write(int index, const Layer& layer, const graph::Bilinear& bilinear) {
    if (bilinear.grid == graph::Grid::kAsymmetric) refuse_layer(network_, index, "ncnn");
    const std::string scale = decimal(static_cast<float>(bilinear.scale));
    plain(index, layer, "Interp",
          setting(0, 2) + " 1=" + scale + " 2=" + scale +
              (bilinear.grid == graph::Grid::kCorners ? setting(6, 1) : ""));
  }
  void write(int index, const Layer& layer, const graph::Shuffle& shuffle) {
    plain(index, layer, "ShuffleChannel", setting(0, shuffle.groups));
  }
  void write(int index, const Layer& layer, const graph::Softmax&) {
    plain(index, layer, "Softmax", setting(0, 0) + setting(1, 1));
  }
  void write(int index, const Layer& layer, const graph::Shortcut& shortcut) {
    std::vector<std::string> terms;
    for (const int from : layer.inputs) terms.push_back(fitted(layer, from));
    add_with_activation(index, "Eltwise", terms, setting(0, 1), shortcut.activation);
  }
  // A term of a sum with the channels of the first: fewer, or zeros for those it lacks.
  std::string fitted(const Layer& layer, int from) {
    const int channels = shape(from).channels, wanted = layer.output.channels;
    if (channels == wanted) return read(from);
    const std::string name = unused(layer.name + ".part");
    if (channels > wanted) return crop(name, read(from), 0, wanted, name);
    add_line("Padding", name, {read(from)}, {name}, setting(8, wanted - channels));
    return name;
  }
  void write(int index, const Layer& layer, const graph::Product& product) {
    constexpr int kMultiply = 2;
    std::string so_far = read(layer.inputs[0]);
    for (std::size_t i = 1; i + 1 < layer.inputs.size(); ++i) {
      const std::string name = unused(layer.name + ".part");
      add_line("BinaryOp", name, {so_far, read(layer.inputs[i])}, {name}, setting(0, kMultiply));
      so_far = name;
    }
    add_with_activation(index, "BinaryOp", {so_far, read(layer.inputs.back())},
                        setting(0, kMultiply), product.activation);
  }
  void write(int index, const Layer& layer, const graph::Slice& part) {
    crop(layer.name, read(layer.inputs[0]), part.first, part.channels, own_blob(index, layer.name));
  }
  // Channels from `first` on; returns the output blob.
  std::string crop(const std::string& name, const std::string& from, int first, int channels,
                   const std::string& to) {
    add_line("Crop", name, {from}, {to},
             list(9, std::vector{first}) + list(10, std::vector{first + channels}) +
                 list(11, std::vector{0}));
    return to;
  }

  // To this shape, of which the width is the innermost side.
  std::string reshape(const std::string& name, const std::string& from, const graph::Shape& to) {
    add_line("Reshape", name, {from}, {name},
             setting(0, to.width) + setting(1, to.height) + setting(2, to.channels));
    return name;
  }
  std::string permute(const std::string& name, const std::string& from, ncnn::Order order) {
    add_line("Permute", name, {from}, {name}, setting(0, static_cast<int>(order)));
    return name;
  }
  // A layer of the shape of its output, which is the last step of several.
  void reshape(int index, const Layer& layer, const std::string& from) {
    const graph::Shape& to = layer.output;
    add_line("Reshape", layer.name, {from}, {own_blob(index, layer.name)},
             setting(0, to.width) + setting(1, to.height) + setting(2, to.channels));
  }
  void write(int index, const Layer& layer, const graph::SpaceToDepth& layout) {
    using Order = graph::SpaceToDepth::Order;
    constexpr int kChannels = 0, kRows = 1;
    const int block = layout.block;
    if (layout.order == Order::kRows || layout.order == Order::kChannels) {
      const int mode = layout.order == Order::kRows ? kRows : kChannels;
      return plain(index, layer, "Reorg", setting(0, block) + setting(1, mode));
    }
    const graph::Shape& in = shape(layer.inputs[0]);
    const auto part = [&](const char* what) { return unused(layer.name + what); };
    std::string made = read(layer.inputs[0]);
    if (layout.order == Order::kColumns) {  // rows of blocks become columns
      const std::string rows = part(".rows");
      add_line("Reorg", rows, {made}, {rows}, setting(0, block) + setting(1, kRows));
      const int each = static_cast<int>(layer.output.count() / block / block);
      made = reshape(part(".blocks"), rows, {block, block, each});
      return reshape(index, layer, permute(part(".turned"), made, ncnn::Order::kWidthChannels));
    }
    // Of C channels and H rows, as C / block² of H · block rows and W · block columns: the place of
    // a row in its square comes first, then that of a column.
    const int rows = in.channels / block / block * in.height;
    made = reshape(part(".cut"), made, {rows, block, in.width * block});
    made = permute(part(".by_row"), made, ncnn::Order::kWidthChannels);
    made = reshape(part(".columns"), made, {block, rows * in.width, block});
    reshape(index, layer, permute(part(".by_column"), made, ncnn::Order::kHeightWidth));
  }

  // Queries and keys of each head are keys x pixels, its values are values x pixels.
  void write(int index, const Layer& layer, const graph::Attention& attention) {
    const graph::Shape& in = shape(layer.inputs[0]);
    const int pixels = in.height * in.width, heads = attention.heads;
    const int keys = attention.key_channels, values = layer.output.channels / heads;
    const auto part = [&](const char* what) { return unused(layer.name + what); };
    const std::string cut =
        reshape(part(".heads"), read(layer.inputs[0]), {heads, 2 * keys + values, pixels});
    const std::string query = part(".queries"), key = part(".keys"), value = part(".values");
    constexpr int kHeight = 1, kWidth = 2;  // axes
    add_line("Slice", part(".parts"), {cut}, {query, key, value},
             list(0, std::vector{keys, keys, values}) + setting(1, kHeight));
    const std::string turned = permute(part(".query"), query, ncnn::Order::kHeightWidth);
    const std::string dots = part(".dots"), scaled = part(".scaled"), shares = part(".shares");
    add_line("MatMul", dots, {turned, key}, {dots}, "");
    add_line("BinaryOp", scaled, {dots}, {scaled},
             setting(0, 2) + setting(1, 1) + " 2=" + decimal(attention.scale));
    add_line("Softmax", shares, {scaled}, {shares}, setting(0, kWidth) + setting(1, 1));
    const std::string sums = part(".sums");
    add_line("MatMul", sums, {value, shares}, {sums}, setting(0, 1));
    reshape(index, layer, sums);
  }
  void write(int index, const Layer& layer, const graph::Route& route) {
    if (route.groups == 1) return plain(index, layer, "Concat", setting(0, 0));
    std::vector<std::string> parts;
    const bool one = layer.inputs.size() == 1;
    for (const int from : layer.inputs) {
      const int channels = shape(from).channels / route.groups;
      const std::string name =
          one ? layer.name : unused(layer.name + ".part" + std::to_string(parts.size()));
      parts.push_back(one ? own_blob(index, name) : name);
      crop(name, read(from), route.group * channels, channels, parts.back());
    }
    if (!one) add_line("Concat", layer.name, parts, {own_blob(index, layer.name)}, setting(0, 0));
  }
  // inference_form() has no dropout, and heads are not written.
  void write(int index, const Layer&, const auto&) { refuse_layer(network_, index, "ncnn"); }

  void plain(int index, const Layer& layer, const char* kind, const std::string& settings) {
    add_line(kind, layer.name, read_all(layer), {own_blob(index, layer.name)}, settings);
  }

  void add_bytes(std::span<const std::byte> bytes) {
    bin_.insert(bin_.end(), bytes.begin(), bytes.end());
    while (bin_.size() % 4 != 0) bin_.push_back(std::byte{0});
  }
  void add_kernel(std::span<const float> kernel) {
    const std::uint32_t flag = is_half() ? 0x01306B47 : 0;
    add_bytes(std::as_bytes(std::span(&flag, 1)));
    if (!is_half()) return add_bytes(std::as_bytes(kernel));
    std::vector<Half> halves(kernel.size());
    std::ranges::transform(kernel, halves.begin(), to_half);
    add_bytes(std::as_bytes(std::span(halves)));
  }

  void add_detection_output();

  const Network& network_;
  bool is_half() const { return options_.precision == graph::Precision::kFloat16; }

  const WriteOptions& options_;
  std::vector<Map> reads_;       // of the input and every layer
  std::set<std::string> names_;  // of lines and blobs
  std::string lines_;
  std::vector<std::byte> bin_;
  int layers_ = 0, blobs_ = 0;
};

constexpr std::size_t kLongestName = 200;  // ncnn reads 255 bytes, and names of parts are longer

// A name that a .param can hold: no blanks, not too long, truncated between characters.
std::string fitting(std::string_view name) {
  std::string text;
  while (!name.empty()) {
    const CodePoint next = first_code_point(name);
    name.remove_prefix(next.bytes.size());
    const bool blank = next.value == ' ' || is_invisible(next.value);
    const std::string_view bytes = blank ? "_" : next.bytes;
    if (text.size() + bytes.size() > kLongestName) break;
    text += bytes;
  }
  return text;
}

// Gives the layers unique names that a .param can hold; returns how many were changed.
int fit_names(Network& network) {
  constexpr std::size_t kEnd = 10;  // "_4096" and more
  std::set<std::string> taken;
  for (const Layer& layer : network.layers) taken.insert(layer.name);
  int changed = 0;
  for (Layer& layer : network.layers) {
    const std::string stem = fitting(layer.name);
    if (stem == layer.name) continue;
    std::string name = stem;
    for (int i = 2; !taken.insert(name).second; ++i) {
      name =
          fitting(std::string_view(stem).substr(0, kLongestName - kEnd)) + "_" + std::to_string(i);
    }
    for (const char* part : {".kernel", ".bias"}) {
      auto weight = network.weights.extract(layer.name + part);
      if (weight.empty()) continue;
      weight.key() = name + part;
      network.weights.insert(std::move(weight));
    }
    layer.name = std::move(name);
    ++changed;
  }
  return changed;
}

void Writer::add_detection_output() {
  std::vector<std::string> blobs;
  std::vector<float> anchors, masks, strides;
  const graph::Yolo* first = nullptr;
  for (const int head : network_.heads()) {
    const auto at = static_cast<std::size_t>(head);
    const Layer& layer = network_.layers[at];
    const auto* yolo = std::get_if<graph::Yolo>(&layer.operation);
    if (first == nullptr) first = yolo;
    const bool usual = yolo != nullptr && yolo->box_code == graph::BoxCode::kExponential &&
                       !yolo->softmax && yolo->class_share == 0;
    if (!usual || yolo->scale_x_y != 1 || yolo->anchors != first->anchors ||
        yolo->mask.size() != first->mask.size() || yolo->classes != first->classes) {
      throw input_error(
          graph::place_of(network_, at),
          "Yolov3DetectionOutput only decodes yolo heads as of YOLOv3 with scale_x_y 1 "
          "and the same anchors and classes in each",
          "write the raw heads and decode them in the app");
    }
    strides.push_back(graph::head_of(network_, head).cell_width);
    for (const int k : yolo->mask) masks.push_back(static_cast<float>(k));
    blobs.push_back(map(layer.inputs.front()).output);
  }
  if (first == nullptr) {
    throw input_error(network_.name.empty() ? "network" : network_.name,
                      "has no heads that a Yolov3DetectionOutput could decode");
  }
  for (const graph::Anchor& anchor : first->anchors) {
    anchors.insert(anchors.end(), {anchor.width, anchor.height});
  }
  add_line("Yolov3DetectionOutput", unused("detection_out"), blobs, {unused("output")},
           setting(0, first->classes) + setting(1, static_cast<int>(first->mask.size())) + " 2=" +
               decimal(options_.thresholds.score) + " 3=" + decimal(options_.thresholds.iou) +
               list(4, anchors) + list(5, masks) + list(6, strides));
}

}  // namespace

std::vector<File> write_ncnn(const Network& network, const WriteOptions& options,
                             const std::string& stem, std::vector<std::string>* notes) {
  Network plain = graph::inference_form(network);
  const int changed = fit_names(plain);
  if (changed > 0 && notes != nullptr) {
    notes->push_back(std::to_string(changed) +
                     " layer names have blanks or over 200 bytes, which a .param cannot hold: "
                     "they were replaced and shortened");
  }
  return Writer(plain, options).files(stem);
}

}  // namespace oko::formats
