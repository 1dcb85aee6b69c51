#include <algorithm>

#include "oko/base/error.h"
#include "oko/formats/class_names.h"
#include "oko/formats/coreml.h"
#include "oko/formats/coreml/read_network.h"
#include "oko/formats/coreml/suppressed_rows.h"
#include "oko/formats/recognize.h"

namespace oko::formats {
namespace {

using namespace oko::formats::coreml;

constexpr std::size_t kMaxModels = 64, kMaxClasses = 1 << 20;

// The field that gives a model's type; 0 if there is none.
std::uint32_t kind_of(const Message& model) {
  std::uint32_t kind = 0;
  model.for_each([&](const Field& field) {
    if (field.number >= kPipelineClassifier && field.type == 2) kind = field.number;
  });
  return kind;
}

bool is_network(std::uint32_t kind) {
  return kind == kNeuralNetwork || kind == kNeuralNetworkClassifier ||
         kind == kNeuralNetworkRegressor || kind == kMlProgram;
}

// What exporters and oko add to a model under a key of their own; empty if there is nothing.
std::string user_defined(const Message& model, std::string_view key) {
  std::string value;
  const Message metadata = model.message(Model::kDescription).message(ModelDescription::kMetadata);
  metadata.for_each([&](const Field& field) {
    if (!field.is(Metadata::kUserDefined)) return;
    const Message pair = metadata.inside(field);
    if (pair.text(MapEntry::kKey) == key) value = pair.text(MapEntry::kValue);
  });
  return value;
}

class Reader {
 public:
  Reader(const Bytes& bytes, const std::string& name, const Bytes& weights,
         const ReadOptions& options)
      : model_(bytes.span(), name), name_(name), weights_(weights), options_(options) {}

  Imported run() {
    if (model_.empty()) throw input_error(name_, "the file is empty");
    Message model = model_;
    std::uint32_t kind = kind_of(model);
    std::vector<std::string> notes;
    if (kind == kPipeline || kind == kPipelineClassifier || kind == kPipelineRegressor) {
      model = network_of_pipeline(kind, notes);
      kind = kind_of(model);
    }
    if (!is_network(kind)) refuse(kind);
    const Signature signature = signature_of(model);
    Imported imported = kind == kMlProgram ? read_program(model.message(kind), weights_, signature)
                                           : read_network(model.message(kind), signature);
    imported.notes.insert(imported.notes.begin(), notes.begin(), notes.end());
    const std::string description = user_defined(model_, kDescriptionKey);
    if (!description.empty()) {
      apply_description(imported, description, name_ + ": user defined metadata");
    } else if (kind == kNeuralNetworkClassifier) {
      const Message labels = model.message(kind).message(NeuralNetwork::kStringClassLabels);
      imported.network.classes = labels.texts(StringVector::kVector, kMaxClasses);
    } else if (!options_.raw_outputs && options_.heads.anchors.empty() &&
               options_.description.empty()) {
      recognize(imported, signature);
    }
    return imported;
  }

 private:
  [[noreturn]] void refuse(std::uint32_t kind) const {
    throw input_error(name_,
                      kind == 0 ? "contains no model"
                                : "is a model of type " + std::to_string(kind) +
                                      ", not a neural network or ML Program",
                      "is this a Core ML model?");
  }

  // A family's own programs say how images are fitted; colours and values are the file's.
  void recognize(Imported& imported, const Signature& signature) const {
    if (!recognize_heads(imported, options_.heads.decoding)) return;
    image::Preprocess& preprocess = imported.network.preprocess;
    if (signature.input.image) {
      preprocess.bgr = signature.input.bgr;
      preprocess.mean = image::Preprocess{}.mean;
      preprocess.scale = image::Preprocess{}.scale;
    }
    imported.labels = labels_.empty() ? names_of_list(user_defined(model_, "names")) : labels_;
    const auto classes = static_cast<std::size_t>(imported.network.class_count());
    if (are_fillers_from(classes)) imported.labels.resize(classes);
  }

  // Exporters fill an ML Program's rows (suppressed_row()); what is not a class has its number as
  // its label.
  bool are_fillers_from(std::size_t first) const {
    for (std::size_t i = first; i < labels_.size(); ++i) {
      if (labels_[i] != std::to_string(i)) return false;
    }
    return labels_.size() > first;
  }

  Message network_of_pipeline(std::uint32_t kind, std::vector<std::string>& notes) {
    Message pipeline = model_.message(kind);
    if (kind != kPipeline) pipeline = pipeline.message(PipelineClassifier::kPipeline);
    const std::vector<Message> models = pipeline.messages(Pipeline::kModels, kMaxModels);
    const auto found =
        std::ranges::find_if(models, [](const Message& m) { return is_network(kind_of(m)); });
    if (found == models.end()) {
      throw input_error(name_, "the pipeline of " + std::to_string(models.size()) +
                                   " models has no neural network");
    }
    for (const Message& model : models) {
      if (kind_of(model) != kNonMaximumSuppression) continue;
      labels_ = model.message(kNonMaximumSuppression)
                    .message(NonMaximumSuppression::kStringClassLabels)
                    .texts(StringVector::kVector, kMaxClasses);
    }
    notes.push_back("using model " + std::to_string(found - models.begin() + 1) +
                    " of the pipeline's " + std::to_string(models.size()) + " models, " +
                    (kind_of(*found) == kMlProgram ? "an ML Program" : "a neural network"));
    const int count = static_cast<int>(labels_.size());
    if (kind_of(*found) == kMlProgram && suppressed_row(count) != count) {
      notes.push_back(
          "on Apple's processors the file itself loses boxes: Core ML's suppression "
          "misreads an ML Program's " +
          std::to_string(count) +
          " classes; \"oko export --boxes --ml-program\" makes one that does not");
    }
    return *found;
  }

  Signature signature_of(const Message& model) const {
    const Message description = model.message(Model::kDescription);
    Signature signature{name_, model_name(), {}, {}};
    const std::vector<FileFeature> inputs = features_of(description, ModelDescription::kInput);
    if (inputs.size() != 1) {
      throw input_error(
          name_, "the network has " + std::to_string(inputs.size()) + " inputs; oko supports one",
          "export the model with the image as its only input");
    }
    signature.input = inputs.front();
    const std::string label = description.text(ModelDescription::kPredictedFeatureName);
    for (const FileFeature& output : features_of(description, ModelDescription::kOutput)) {
      if (output.name != label) signature.outputs.push_back(output.name);
    }
    return signature;
  }

  // The file's name without folder and extension.
  std::string model_name() const {
    const std::size_t slash = name_.find_last_of('/');
    std::string stem = slash == std::string::npos ? name_ : name_.substr(slash + 1);
    return stem.substr(0, stem.find_last_of('.'));
  }

  Message model_;
  const std::string& name_;
  const Bytes& weights_;
  const ReadOptions& options_;
  std::vector<std::string> labels_;  // of a pipeline's boxes
};

}  // namespace

Imported read_coreml(const Bytes& bytes, const std::string& name, const Bytes& weights,
                     const ReadOptions& options) {
  return Reader(bytes, name, weights, options).run();
}

}  // namespace oko::formats
