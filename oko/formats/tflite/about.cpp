#include "oko/formats/tflite/about.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "oko/formats/heads.h"
#include "oko/formats/tflite/appended.h"
#include "oko/formats/tflite/detector_generated.h"
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

void add_labels(const flatbuffers::Vector<flatbuffers::Offset<AssociatedFile>>* files,
                About& about) {
  if (files == nullptr) return;
  for (const AssociatedFile* file : *files) {
    const bool labels = file->type() == FileType::TENSOR_AXIS_LABELS ||
                        file->type() == FileType::TENSOR_VALUE_LABELS;
    if (labels && file->name() != nullptr) about.labels.push_back(file->name()->str());
  }
}

// One mean and deviation, or one of each channel.
std::optional<About::Normalization> normalization_of(const NormalizationOptions& options) {
  const auto *means = options.mean(), *deviations = options.std();
  if (means == nullptr || deviations == nullptr) return {};
  About::Normalization found;
  const auto fits = [](const auto& list) { return list.size() == 1 || list.size() == 3; };
  if (!fits(*means) || !fits(*deviations)) return {};
  for (unsigned i = 0; i < 3; ++i) {
    found.mean[i] = means->Get(means->size() == 1 ? 0 : i);
    found.deviation[i] = deviations->Get(deviations->size() == 1 ? 0 : i);
    if (!std::isfinite(found.mean[i]) || !std::isfinite(found.deviation[i]) ||
        !(found.deviation[i] > 0)) {
      return {};
    }
  }
  return found;
}

// Sizes of boxes that are no exponentials are not read, as no exporter writes them.
std::optional<About::Detector> detector_of(const flatbuffers::Vector<std::uint8_t>& data) {
  namespace detector = oko::tflite::detector;
  // Where it lies in the file, its numbers need not be aligned.
  const std::vector<std::uint8_t> bytes(data.begin(), data.end());
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), 64, 1 << 20);
  if (!detector::VerifyDetectorBuffer(verifier)) return {};
  const detector::Detector& found = *detector::GetDetector(bytes.data());
  const detector::Decoding* decoding = found.decoding();
  const auto* fixed = found.anchors() == nullptr ? nullptr : found.anchors()->fixed();
  constexpr int kMostClasses = 1 << 16;
  if (decoding == nullptr || fixed == nullptr || fixed->anchors() == nullptr ||
      !decoding->exponential() || decoding->num_coords() != 4 || decoding->num_classes() < 1 ||
      decoding->num_classes() > kMostClasses) {
    return {};
  }
  About::Detector result{
      {decoding->num_classes(),
       {decoding->y_scale(), decoding->x_scale(), decoding->h_scale(), decoding->w_scale()}},
      {},
      decoding->sigmoid()};
  const auto is_usable = [](float scale) { return scale > 0 && std::isfinite(scale); };
  if (!std::ranges::all_of(result.coding.scales, is_usable)) return {};
  std::vector<float> anchors;
  for (const detector::FixedAnchor* anchor : *fixed->anchors()) {
    anchors.insert(anchors.end(),
                   {anchor->y_center(), anchor->x_center(), anchor->height(), anchor->width()});
  }
  const std::int64_t rows = std::ssize(anchors) / 4;
  result.anchors = graph::Tensor::of(std::move(anchors), {rows, 4});
  return result;
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
  put(model, zip::kLocal, 4);
  put_entry(model, name, text);
  put(model, name);
  put(model, text);
  const auto central = static_cast<std::uint32_t>(model.size());
  put(model, zip::kCentral, 4);
  put(model, 20, 2);  // version that made it
  put_entry(model, name, text);
  put(model, 0, 2);  // comment
  put(model, 0, 2);  // disk
  put(model, 0, 2);  // internal attributes
  put(model, 0, 4);  // external attributes
  put(model, local, 4);
  put(model, name);
  const auto size = static_cast<std::uint32_t>(model.size()) - central;
  put(model, zip::kEnd, 4);
  put(model, 0, 4);  // disks
  put(model, 1, 2);
  put(model, 1, 2);
  put(model, size, 4);
  put(model, central, 4);
  put(model, 0, 2);  // comment
}

About read_about(std::string_view bytes) {
  About found;
  const auto* start = reinterpret_cast<const std::uint8_t*>(bytes.data());
  constexpr std::size_t kLeast = 8;  // an offset and the format's identifier
  if (bytes.size() < kLeast || reinterpret_cast<std::uintptr_t>(start) % 8 != 0) return found;
  flatbuffers::Verifier verifier(start, bytes.size(), 64, 1 << 16);
  if (!VerifyModelMetadataBuffer(verifier)) return found;
  const ModelMetadata& model = *GetModelMetadata(start);
  add_labels(model.associated_files(), found);
  if (model.subgraphs() == nullptr || model.subgraphs()->size() == 0) return found;
  const SubGraphMetadata& graph = *model.subgraphs()->Get(0);
  if (graph.outputs() != nullptr) {
    for (const TensorMetadata* output : *graph.outputs()) {
      add_labels(output->associated_files(), found);
    }
  }
  if (graph.custom() != nullptr) {
    for (const CustomMetadata* custom : *graph.custom()) {
      const bool is_detector = custom->name() != nullptr && custom->data() != nullptr &&
                               custom->name()->string_view() == "DETECTOR_METADATA";
      if (is_detector) found.detector = detector_of(*custom->data());
    }
  }
  if (graph.inputs() == nullptr || graph.inputs()->size() == 0) return found;
  if (const auto* units = graph.inputs()->Get(0)->process_units()) {
    for (const ProcessUnit* unit : *units) {
      if (const auto* options = unit->options_as_NormalizationOptions()) {
        found.normalization = normalization_of(*options);
      }
    }
  }
  return found;
}

}  // namespace oko::formats::tflite
