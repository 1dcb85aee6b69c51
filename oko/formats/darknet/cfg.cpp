#include <algorithm>
#include <filesystem>

#include "oko/base/error.h"
#include "oko/formats/darknet/program.h"
#include "oko/formats/darknet/reader.h"

namespace oko::formats {
namespace {

using graph::kNetworkInput;

// Sections that are known, but not read, and why.
struct Refused {
  std::string_view name, why;
};
constexpr std::string_view kRecurrent =
    "is a recurrent layer, which remembers earlier inputs; oko computes every image for itself";
constexpr Refused kRefused[] = {
    {"rnn", kRecurrent},
    {"crnn", kRecurrent},
    {"lstm", kRecurrent},
    {"conv_lstm", kRecurrent},
    {"gru", kRecurrent},
    {"history", kRecurrent},
    {"detection", "is the head of YOLOv1, whose boxes oko does not decode"},
    {"Gaussian_yolo", "scores boxes by their uncertainty, which oko's heads do not have"},
    {"local", "has other weights at every pixel, which oko's convolutions do not have"},
    {"normalization", "normalizes across channels, which no layer of oko does"},
};

void check_kind(const DarknetSection& section) {
  const auto* refused = std::ranges::find(kRefused, section.kind(), &Refused::name);
  if (refused == std::end(kRefused)) return;
  throw input_error(section.place(), "[" + section.name() + "] " + std::string(refused->why),
                    "use a network without it");
}

// Layers are checked one by one as they are read, and trust the size of the input.
void check_input(const graph::Shape& input, const std::string& place) {
  graph::Network probe;
  probe.input = input;
  probe.layers = {{"probe", graph::Dropout{}, {kNetworkInput}, {}}};
  try {
    graph::infer_shapes(probe);
  } catch (const Error& e) {
    throw e.within(place);
  }
}

}  // namespace

const CfgReader::Kind* CfgReader::kind_of(const DarknetSection& section) {
  static constexpr Kind kKinds[] = {
      {"convolutional", &CfgReader::convolution},
      {"connected", &CfgReader::connected},
      {"maxpool", &CfgReader::max_pool},
      {"avgpool", &CfgReader::average_pool},
      {"local_avgpool", &CfgReader::local_average_pool},
      {"upsample", &CfgReader::upsample},
      {"reorg", &CfgReader::reorg},
      {"reorg3d", &CfgReader::reorg_3d},
      {"route", &CfgReader::route},
      {"shortcut", &CfgReader::shortcut},
      {"sam", &CfgReader::spatial_attention},
      {"scale_channels", &CfgReader::scale_channels},
      {"dropout", &CfgReader::dropout},
      {"softmax", &CfgReader::softmax},
      {"yolo", &CfgReader::yolo},
      {"region", &CfgReader::region},
      {"cost", nullptr},
      {"contrastive", nullptr},
      {"empty", nullptr},
  };
  const auto* kind = std::ranges::find(kKinds, section.kind(), &Kind::name);
  if (kind != std::end(kKinds)) return kind;
  std::string known;
  for (const Kind& k : kKinds) known += (known.empty() ? "" : ", ") + std::string(k.name);
  throw input_error(section.place(), "[" + section.name() + "] is not a known layer",
                    "networks of these layers can be read: crop, " + known);
}

CfgReader::CfgReader(std::string_view text, const std::string& file,
                     std::vector<std::string>* notes, DarknetLayout* layout)
    : notes_(notes), layout_(layout), sections_(read_darknet_sections(text, file)) {
  network_.name = std::filesystem::path(file).stem().string();
  network_.preprocess.sampling = image::Preprocess::Sampling::kPixelCentres;
  if (sections_.empty() || sections_.front().kind() != "net") {
    throw input_error(sections_.empty() ? file : sections_.front().place(),
                      "the first section is not [net]", "is this a Darknet .cfg file?");
  }
}

graph::Network CfgReader::run() {
  for (const DarknetSection& section : sections_) check_kind(section);
  read_net(sections_.front());
  for (std::size_t i = 1; i < sections_.size(); ++i) read_layer(sections_[i]);
  finish();
  return std::move(network_);
}

void CfgReader::read_net(DarknetSection& net) {
  refuse_unsupported(net);
  network_.input = {net.integer("channels"), net.integer("height"), net.integer("width")};
  check_input(network_.input, net.place());
  const DarknetProgram program = program_of(sections_);
  batch_norm_ = program.batch_norm();
  network_.preprocess.fit = program.fit();
  note(program.decision());
  for (const DarknetSection& section : sections_) {
    for (const std::string& repeated : section.repeated()) note(repeated);
  }
  Json kept = Json::object();
  for (const std::string& key : net.unused()) kept[key] = net.text(key);
  network_.metadata["darknet"] = {{"net", std::move(kept)}, {"heads", Json::array()}};
}

void CfgReader::read_layer(DarknetSection& section) {
  if (section.name() == "crop") {
    read_crop(section);
    return;
  }
  const Kind* kind = kind_of(section);
  if (kind->read == nullptr) {
    note_once(section, "",
              "[" + section.name() + "] " +
                  (kind->name == "empty" ? "computes nothing" : "is only used in training"));
    layer_of_.push_back(previous());
    return;
  }
  refuse_unsupported(section);
  inputs_ = {previous()};
  graph::Operation operation = (this->*kind->read)(section);
  keep_or_note_unused(section);
  add(section, name_here(), std::move(operation));
  layer_of_.push_back(static_cast<int>(network_.layers.size()) - 1);
}

// Darknet takes the middle of a larger image, and maps 0…1 to −1…1 unless `noadjust`.
void CfgReader::read_crop(DarknetSection& section) {
  const graph::Shape crop{network_.input.channels, section.integer("crop_height"),
                          section.integer("crop_width")};
  if (!layer_of_.empty() || crop.channels > 3) {
    throw input_error(section.place(), "[crop] is supported only of images, before all layers");
  }
  if (crop.height > network_.input.height || crop.width > network_.input.width) {
    throw input_error(section.place(), "a crop of " + graph::to_string(crop) +
                                           " does not fit into the input " +
                                           graph::to_string(network_.input));
  }
  check_input(crop, section.place());
  note(section.place() + ": the input is " + graph::to_string(crop) +
       "; Darknet crops it from the middle of the image, oko fits the whole image into it");
  network_.input = crop;
  if (section.integer_or("noadjust", 0) == 0) {
    network_.preprocess.mean = {.5F, .5F, .5F};
    network_.preprocess.scale = {2, 2, 2};
  }
  layer_of_.push_back(kNetworkInput);
}

void CfgReader::add(const DarknetSection& section, std::string name, graph::Operation operation) {
  network_.layers.push_back({std::move(name), std::move(operation), inputs_, {}});
  try {
    graph::infer_shape(network_, network_.layers.size() - 1);
  } catch (const Error& e) {
    throw e.within(section.place());
  }
}

void CfgReader::add_before(const DarknetSection& section, std::string_view what,
                           graph::Operation operation) {
  add(section, name_here() + "." + std::string(what), std::move(operation));
  inputs_ = {static_cast<int>(network_.layers.size()) - 1};
}

void CfgReader::finish() {
  for (const auto& [head, place] : squared_) check_new_coordinates(head, place);
  for (const auto& [head, place] : squared_) {
    const int from = network_.layers[head].inputs.front();
    std::get<graph::Convolution>(network_.layers[from].operation).activation =
        graph::Activation::kLinear;
  }
  try {
    graph::infer_shapes(network_);
  } catch (const Error& e) {
    throw e.within(sections_.front().place());
  }
}

void CfgReader::note(std::string text) {
  if (notes_ != nullptr) notes_->push_back(std::move(text));
}

void CfgReader::note_once(const DarknetSection& section, std::string_view key,
                          const std::string& text) {
  if (!noted_.emplace(section.kind(), key).second) return;
  note((key.empty() ? section.place() : section.place_of(key)) + ": " + text);
}

// A head's remaining keys control Darknet's training and are kept for the writer.
void CfgReader::keep_or_note_unused(DarknetSection& section) {
  const std::string_view name = section.kind();
  const bool is_head = name == "yolo" || name == "region";
  Json kept = Json::object();
  for (const std::string& key : section.unused()) {
    note_once(section, key, key + " in [" + section.name() + "] has no effect here");
    if (is_head) kept[key] = section.text(key);
  }
  if (is_head) network_.metadata["darknet"]["heads"].push_back(std::move(kept));
}

int CfgReader::previous() const { return layer_of_.empty() ? kNetworkInput : layer_of_.back(); }

const graph::Shape& CfgReader::shape_before() const {
  return graph::shape_of(network_, inputs_.front());
}

std::string CfgReader::name_here() const { return "layers." + std::to_string(layer_of_.size()); }

int CfgReader::layer_at(int index, const DarknetSection& section, std::string_view key) const {
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

graph::Network read_darknet_cfg(std::string_view text, const std::string& name,
                                std::vector<std::string>* warnings, DarknetLayout* layout) {
  return CfgReader(text, name, warnings, layout).run();
}

}  // namespace oko::formats
