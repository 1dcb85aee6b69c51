#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <utility>

#include "oko/base/error.h"
#include "oko/formats/darknet.h"
#include "oko/formats/darknet/program.h"
#include "oko/formats/darknet/sections.h"

namespace oko::formats {
namespace {

using graph::Activation;
using graph::kNetworkInput;
using graph::Operation;
using graph::Padding;

// Keys that change what a layer computes in ways oko cannot represent, and the value that has no
// effect ("": there is none).
struct Unsupported {
  std::string_view section, key, neutral;
};
constexpr Unsupported kUnsupported[] = {
    {"convolutional", "dilation", "1"},
    {"convolutional", "binary", "0"},
    {"convolutional", "xnor", "0"},
    {"convolutional", "flipped", "0"},
    {"convolutional", "antialiasing", "0"},
    {"convolutional", "share_index", ""},
    {"maxpool", "antialiasing", "0"},
    {"maxpool", "maxpool_depth", "0"},
    {"upsample", "scale", "1"},
    {"shortcut", "weights_type", "none"},
    {"shortcut", "alpha", "1"},
    {"shortcut", "beta", "1"},
    {"softmax", "groups", "1"},
    {"softmax", "temperature", "1"},
    {"softmax", "tree", ""},
    {"softmax", "spatial", "0"},
    {"yolo", "new_coords", "0"},
    {"region", "coords", "4"},
    {"region", "background", "0"},
    {"region", "tree", ""},
    {"region", "map", ""},
    {"net", "inputs", ""},
};

// Alternative spellings that Darknet accepts.
constexpr std::pair<std::string_view, std::string_view> kAliases[] = {{"conv", "convolutional"},
                                                                      {"max", "maxpool"},
                                                                      {"avg", "avgpool"},
                                                                      {"soft", "softmax"},
                                                                      {"network", "net"}};

std::string_view canonical(std::string_view section) {
  for (const auto& [alias, name] : kAliases) {
    if (section == alias) return name;
  }
  return section;
}

class CfgReader {
 public:
  CfgReader(std::string_view text, const std::string& file, std::vector<std::string>* warnings)
      : warnings_(warnings), sections_(read_darknet_sections(text, file)) {
    network_.name = std::filesystem::path(file).stem().string();
    network_.preprocess.sampling = image::Preprocess::Sampling::kPixelCentres;
    if (sections_.empty() || canonical(sections_.front().name()) != "net") {
      throw input_error(sections_.empty() ? file : sections_.front().place(),
                        "the first section is not [net]", "is this a Darknet .cfg file?");
    }
  }

  graph::Network run() {
    read_net(sections_.front());
    for (std::size_t i = 1; i < sections_.size(); ++i) read_layer(sections_[i]);
    infer();
    return std::move(network_);
  }

 private:
  void read_net(DarknetSection& net) {
    refuse_unsupported(net);
    network_.input = {net.integer("channels"), net.integer("height"), net.integer("width")};
    const DarknetProgram program = program_of(sections_);
    batch_norm_ = program.batch_norm();
    network_.preprocess.fit = program.fit();
    if (warnings_) warnings_->push_back(program.decision());
    Json kept = Json::object();
    for (const std::string& key : net.unused()) kept[key] = net.text(key);
    network_.metadata["darknet"] = {{"net", std::move(kept)}, {"heads", Json::array()}};
  }

  void read_layer(DarknetSection& section) {
    struct Kind {
      std::string_view name;
      Operation (CfgReader::*read)(DarknetSection&);
    };
    static constexpr Kind kKinds[] = {
        {"convolutional", &CfgReader::convolution},
        {"maxpool", &CfgReader::max_pool},
        {"avgpool", &CfgReader::average_pool},
        {"upsample", &CfgReader::upsample},
        {"route", &CfgReader::route},
        {"shortcut", &CfgReader::shortcut},
        {"dropout", &CfgReader::dropout},
        {"softmax", &CfgReader::softmax},
        {"yolo", &CfgReader::yolo},
        {"region", &CfgReader::region},
    };
    const std::string_view name = canonical(section.name());
    if (name == "cost") {  // only used in training
      layer_of_.push_back(previous());
      return;
    }
    const auto* kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                    [&](const Kind& k) { return k.name == name; });
    if (kind == std::end(kKinds)) {
      throw input_error(section.place(), "[" + section.name() + "] is not a known layer",
                        "only networks of convolutional, maxpool, avgpool, upsample, route, "
                        "shortcut, dropout, softmax, yolo and region layers can be read");
    }
    refuse_unsupported(section);
    inputs_ = {previous()};
    Operation operation = (this->*kind->read)(section);
    keep_or_tell_unused(section);
    network_.layers.push_back({"layers." + std::to_string(layer_of_.size()),
                               std::move(operation),
                               std::move(inputs_),
                               {}});
    layer_of_.push_back(static_cast<int>(network_.layers.size()) - 1);
    section_of_.push_back(&section);
  }

  int previous() const { return layer_of_.empty() ? kNetworkInput : layer_of_.back(); }

  // Our layer for Darknet's index, which is relative to the current layer if negative.
  int layer_at(int index, const DarknetSection& section, std::string_view key) const {
    const int present = static_cast<int>(layer_of_.size());
    const int absolute = index < 0 ? present + index : index;
    if (absolute < 0 || absolute >= present) {
      throw input_error(section.place_of(key),
                        std::string(key) + " refers to layer " + std::to_string(index) +
                            ", this is layer " + std::to_string(present),
                        "refer to an earlier layer");
    }
    return layer_of_[absolute];
  }

  static bool flag(DarknetSection& section, std::string_view key) {
    return section.integer_or(key, 0) != 0;
  }

  // AlexeyAB's Darknet has one per direction; a single one is for both.
  static int stride(DarknetSection& section) {
    const int both = section.integer_or("stride", 1);
    const int x = section.integer_or("stride_x", -1), y = section.integer_or("stride_y", -1);
    const int across = x < 1 ? both : x, down = y < 1 ? both : y;
    if (across == down) return across;
    throw input_error(section.place_of(x < 1 ? "stride_y" : "stride_x"),
                      "different strides (" + std::to_string(across) + " and " +
                          std::to_string(down) + ") are not supported",
                      "give stride_x and stride_y the same value and retrain");
  }

  static Activation activation(DarknetSection& section) {
    const std::string name = section.text("activation");
    if (const auto known = graph::activation_named(name)) return *known;
    throw input_error(section.place_of("activation"), "the activation " + name + " is not known",
                      "supported: linear, leaky, relu, relu6, logistic, mish, swish");
  }

  Operation convolution(DarknetSection& section) {
    graph::Convolution c;
    c.filters = section.integer("filters");
    c.size = section.integer("size");
    c.stride = stride(section);
    c.groups = section.integer_or("groups", 1);
    const int padding = section.integer_or("padding", 0);
    c.padding = Padding::all(flag(section, "pad") ? c.size / 2 : padding);
    if (flag(section, "batch_normalize")) c.batch_norm = batch_norm_;
    c.activation = activation(section);
    return c;
  }

  Operation max_pool(DarknetSection& section) {
    graph::MaxPool pool;
    pool.stride = stride(section);
    pool.size = section.integer_or("size", pool.stride);
    // Darknet pads `padding` rows and columns in total, the odd one at the bottom right.
    const int padding = section.integer_or("padding", pool.size - 1), before = padding / 2;
    pool.padding = {before, before, padding - before, padding - before};
    return pool;
  }

  Operation average_pool(DarknetSection&) { return graph::AveragePool{}; }

  Operation upsample(DarknetSection& section) {
    return graph::Upsample{section.integer_or("stride", 2)};
  }

  Operation route(DarknetSection& section) {
    inputs_.clear();
    for (const int index : section.integers("layers")) {
      inputs_.push_back(layer_at(index, section, "layers"));
    }
    return graph::Route{section.integer_or("groups", 1), section.integer_or("group_id", 0)};
  }

  Operation shortcut(DarknetSection& section) {
    for (const int index : section.integers("from")) {
      inputs_.push_back(layer_at(index, section, "from"));
    }
    return graph::Shortcut{section.has("activation") ? activation(section) : Activation::kLinear};
  }

  Operation dropout(DarknetSection& section) {
    return graph::Dropout{section.number_or("probability", .5F)};
  }

  Operation softmax(DarknetSection&) { return graph::Softmax{}; }

  static std::vector<graph::Anchor> anchors(DarknetSection& section) {
    const std::vector<float> sides = section.numbers("anchors");
    const int count = section.integer_or("num", static_cast<int>(sides.size() / 2));
    if (sides.size() % 2 != 0 || static_cast<int>(sides.size() / 2) != count) {
      throw input_error(section.place_of("anchors"), "there are " + std::to_string(sides.size()) +
                                                         " numbers for " + std::to_string(count) +
                                                         " anchors, which have two each");
    }
    std::vector<graph::Anchor> pairs;
    for (std::size_t i = 0; i < sides.size(); i += 2) pairs.push_back({sides[i], sides[i + 1]});
    return pairs;
  }

  Operation yolo(DarknetSection& section) {
    graph::Yolo yolo;
    yolo.anchors = anchors(section);
    if (section.has("mask")) {
      yolo.mask = section.integers("mask");
    } else {
      for (std::size_t i = 0; i < yolo.anchors.size(); ++i)
        yolo.mask.push_back(static_cast<int>(i));
    }
    yolo.classes = section.integer("classes");
    yolo.scale_x_y = section.number_or("scale_x_y", 1);
    yolo.ignore_threshold = section.number_or("ignore_thresh", .5F);
    yolo.truth_threshold = section.number_or("truth_thresh", 1);
    read_suppression(section);
    return yolo;
  }

  Operation region(DarknetSection& section) {
    graph::Region region;
    region.anchors = anchors(section);
    region.classes = section.integer("classes");
    region.softmax = flag(section, "softmax");
    read_suppression(section);
    return region;
  }

  static void refuse_unsupported(DarknetSection& section) {
    for (const auto& [name, key, neutral] : kUnsupported) {
      if (name != canonical(section.name()) || !section.has(key)) continue;
      const std::string value = section.text(key);
      if (value == neutral) continue;
      throw input_error(
          section.place_of(key),
          "[" + section.name() + "] with " + std::string(key) + "=" + value + " is not supported",
          neutral.empty() ? "remove the line and retrain"
                          : "only " + std::string(key) + "=" + std::string(neutral) +
                                " is: change it and retrain");
    }
  }

  // Darknet uses its last layer's value and ignores earlier heads. cornersnms is the same as the
  // default.
  void read_suppression(DarknetSection& section) {
    constexpr float kExponent = .6F;  // of greedynms always, of diounms by default
    const std::string kind = section.has("nms_kind") ? section.text("nms_kind") : "default";
    network_.diou_exponent = kind == "greedynms" ? kExponent : 0;
    if (kind == "diounms") {
      network_.diou_exponent = section.number_or("beta_nms", kExponent);
      if (!(network_.diou_exponent > 0)) {
        throw input_error(section.place_of("beta_nms"), "beta_nms must be above 0");
      }
    }
    if (warnings_ && network_.diou_exponent > 0 && warned_.emplace("yolo", "nms_kind").second) {
      warnings_->push_back(section.place_of("nms_kind") + ": nms_kind=" + kind +
                           ", so overlapping boxes are suppressed by DIoU instead of IoU");
    }
  }

  // A head's remaining keys control Darknet's training and are kept for the writer.
  void keep_or_tell_unused(DarknetSection& section) {
    const std::string_view name = canonical(section.name());
    const bool head = name == "yolo" || name == "region";
    Json kept = Json::object();
    for (const std::string& key : section.unused()) {
      if (warnings_ && warned_.emplace(name, key).second) {
        warnings_->push_back(section.place_of(key) + ": " + key + " in [" + section.name() +
                             "] has no effect here");
      }
      if (head) kept[key] = section.text(key);
    }
    if (head) network_.metadata["darknet"]["heads"].push_back(std::move(kept));
  }

  // Infers shapes; errors name the line of the faulty section.
  void infer() {
    try {
      graph::infer_shapes(network_);
    } catch (const Error& e) {
      const auto without_shape = [](const graph::Layer& l) { return l.output == graph::Shape{}; };
      const auto fault =
          std::find_if(network_.layers.begin(), network_.layers.end(), without_shape);
      const bool of_layer = e.place() != "network" && fault != network_.layers.end();
      const auto index = static_cast<std::size_t>(fault - network_.layers.begin());
      if (of_layer && std::holds_alternative<graph::Shortcut>(fault->operation)) {
        throw input_error(section_of_[index]->place() + ": " + e.place(), e.message(),
                          "Darknet adds the channels they have in common, oko needs equal shapes: "
                          "give the layers the same number of filters");
      }
      throw e.within(of_layer ? section_of_[index]->place() : sections_.front().place());
    }
  }

  std::vector<std::string>* warnings_;
  graph::BatchNorm batch_norm_;
  std::set<std::pair<std::string, std::string>> warned_;  // section and key of each warning
  std::vector<DarknetSection> sections_;
  graph::Network network_;
  std::vector<int> layer_of_;                      // ours for each of Darknet's
  std::vector<const DarknetSection*> section_of_;  // of each of ours
  std::vector<int> inputs_;                        // of the layer being read
};

}  // namespace

graph::Network read_darknet_cfg(std::string_view text, const std::string& name,
                                std::vector<std::string>* warnings) {
  return CfgReader(text, name, warnings).run();
}

}  // namespace oko::formats
