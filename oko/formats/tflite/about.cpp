#include "oko/formats/tflite/about.h"

#include <array>
#include <cstring>
#include <memory>

#include "oko/formats/heads.h"
#include "oko/formats/tflite/metadata_generated.h"

namespace oko::formats::tflite {
namespace {

using namespace oko::tflite::about;

std::string description_of(const graph::Network& network, const ModelInfo& info) {
  if (!info.description.empty()) return info.description;
  if (network.outputs().size() > 1 && network.heads().empty()) return "The outputs are raw";
  return network.heads().empty() ? "Classifier" : "Detector; the outputs are its raw heads";
}

std::unique_ptr<AssociatedFileT> labels(FileType type) {
  auto file = std::make_unique<AssociatedFileT>();
  file->name = kLabelsName;
  file->description = "Class names, one per line";
  file->type = type;
  return file;
}

std::unique_ptr<TensorMetadataT> input_of(const graph::Network& network, bool bytes) {
  auto tensor = std::make_unique<TensorMetadataT>();
  tensor->name = kInputName;
  const bool stretch = network.preprocess.fit == image::Preprocess::Fit::kStretch;
  tensor->description = stretch ? "The image, stretched to the input's size"
                                : "The image, letterboxed to the input's size";
  if (network.preprocess.bgr) tensor->description += ", its channels in the order blue, green, red";
  ImagePropertiesT image;
  image.color_space = network.input.channels == 1 ? ColorSpace::GRAYSCALE : ColorSpace::RGB;
  image.default_size = std::make_unique<ImageSizeT>();
  image.default_size->width = static_cast<std::uint32_t>(network.input.width);
  image.default_size->height = static_cast<std::uint32_t>(network.input.height);
  tensor->content = std::make_unique<ContentT>();
  tensor->content->properties.Set(std::move(image));
  NormalizationOptionsT from_bytes;
  from_bytes.mean = {0};
  from_bytes.std = {bytes ? 1.F : 255.F};
  tensor->process_units.push_back(std::make_unique<ProcessUnitT>());
  tensor->process_units.back()->options.Set(std::move(from_bytes));
  tensor->stats = std::make_unique<StatsT>();
  tensor->stats->min = {0};
  tensor->stats->max = {bytes ? 255.F : 1.F};
  return tensor;
}

std::unique_ptr<TensorMetadataT> output_of(const graph::Network& network, std::size_t output,
                                           const std::string& name) {
  auto tensor = std::make_unique<TensorMetadataT>();
  const std::vector<int> heads = network.heads();
  const bool headless = heads.empty();
  const bool classifier = headless && network.outputs().size() == 1;
  tensor->name = name;
  tensor->description =
      classifier ? "A value per class"
      : headless ? "Raw output"
                 : "Raw head: " + values_of_head(network.layers[heads[output]].operation);
  tensor->content = std::make_unique<ContentT>();
  tensor->content->properties.Set(FeaturePropertiesT{});
  if (classifier && !network.classes.empty()) {
    tensor->associated_files.push_back(labels(FileType::TENSOR_AXIS_LABELS));
  }
  return tensor;
}

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr std::size_t kEndSize = 22, kCentralSize = 46, kLocalSize = 30;
constexpr std::uint32_t kFirstDay = 0x00210000;  // 1 January 1980, so that files are reproducible

void put(std::vector<std::byte>& bytes, std::uint32_t value, int count) {
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void put(std::vector<std::byte>& bytes, std::string_view text) {
  const auto raw = std::as_bytes(std::span(text));
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

// What the local header and the central directory share.
void put_entry(std::vector<std::byte>& bytes, const std::string& name, const std::string& text) {
  put(bytes, 20, 2);  // version that can extract it
  put(bytes, 0, 2);   // flags
  put(bytes, 0, 2);   // stored, not compressed
  put(bytes, kFirstDay, 4);
  put(bytes, crc32(text), 4);
  put(bytes, static_cast<std::uint32_t>(text.size()), 4);
  put(bytes, static_cast<std::uint32_t>(text.size()), 4);
  put(bytes, static_cast<std::uint32_t>(name.size()), 2);
  put(bytes, 0, 2);  // no extra field
}

std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, count);
  return value;
}

}  // namespace

std::vector<std::byte> about(const graph::Network& network, const ModelInfo& info, bool bytes) {
  ModelMetadataT model;
  model.name = network.name;
  model.description = description_of(network, info);
  model.version = info.version;
  model.author = info.author;
  model.license = info.license;
  model.min_parser_version = "1.0.0";
  auto& graph = *model.subgraphs.emplace_back(std::make_unique<SubGraphMetadataT>());
  graph.inputs.push_back(input_of(network, bytes));
  const std::vector<std::string> names = output_names(network);
  for (std::size_t i = 0; i < names.size(); ++i) {
    graph.outputs.push_back(output_of(network, i, names[i]));
  }
  if (!network.classes.empty() && !network.heads().empty()) {
    model.associated_files.push_back(labels(FileType::TENSOR_VALUE_LABELS));
  }
  flatbuffers::FlatBufferBuilder builder;
  FinishModelMetadataBuffer(builder, ModelMetadata::Pack(builder, &model));
  const auto whole = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {whole.begin(), whole.end()};
}

void append_file(std::vector<std::byte>& model, const std::string& name, const std::string& text) {
  const auto local = static_cast<std::uint32_t>(model.size());
  put(model, kLocal, 4);
  put_entry(model, name, text);
  put(model, name);
  put(model, text);
  const auto central = static_cast<std::uint32_t>(model.size());
  put(model, kCentral, 4);
  put(model, 20, 2);  // version that made it
  put_entry(model, name, text);
  put(model, 0, 2);  // comment
  put(model, 0, 2);  // disk
  put(model, 0, 2);  // internal attributes
  put(model, 0, 4);  // external attributes
  put(model, local, 4);
  put(model, name);
  const auto size = static_cast<std::uint32_t>(model.size()) - central;
  put(model, kEnd, 4);
  put(model, 0, 4);  // disks
  put(model, 1, 2);
  put(model, 1, 2);
  put(model, size, 4);
  put(model, central, 4);
  put(model, 0, 2);  // comment
}

std::string appended_labels(std::string_view model) {
  // The end record has no comment in archives written by other tools.
  if (model.size() < kEndSize || number_at(model, model.size() - kEndSize, 4) != kEnd) return {};
  const std::size_t end = model.size() - kEndSize;
  std::size_t at = number_at(model, end + 16, 4);
  for (std::uint32_t left = number_at(model, end + 10, 2); left > 0; --left) {
    if (at > end || end - at < kCentralSize || number_at(model, at, 4) != kCentral) return {};
    const std::size_t name = number_at(model, at + 28, 2), size = number_at(model, at + 20, 4);
    const std::size_t local = number_at(model, at + 42, 4);
    const bool stored = number_at(model, at + 10, 2) == 0;
    const std::size_t skipped = name + number_at(model, at + 30, 2) + number_at(model, at + 32, 2);
    if (end - at - kCentralSize < skipped) return {};
    const std::string_view path = model.substr(at + kCentralSize, name);
    at += kCentralSize + skipped;
    if (!stored || path.find("label") == std::string_view::npos) continue;
    if (local > end || end - local < kLocalSize || number_at(model, local, 4) != kLocal) return {};
    const std::size_t data =
        local + kLocalSize + number_at(model, local + 26, 2) + number_at(model, local + 28, 2);
    if (data > end || end - data < size) return {};
    return std::string(model.substr(data, size));
  }
  return {};
}

}  // namespace oko::formats::tflite
