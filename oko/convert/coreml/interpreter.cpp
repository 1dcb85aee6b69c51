#include "oko/convert/coreml/interpreter.h"

#include <algorithm>
#include <functional>
#include <set>

#include "oko/base/error.h"
#include "oko/convert/coreml/steps.h"
#include "oko/formats/coreml/network_file.h"
#include "oko/image/geometry.h"

namespace oko::convert {
namespace {

using coreml::Map;
using coreml::Step;
using formats::coreml::FileFeature;
using formats::coreml::Message;
namespace file = formats::coreml;

constexpr std::string_view kActivation = ".activation";  // appended to a layer's name

std::uint32_t kind_of(const Message& model) {
  for (const std::uint32_t kind :
       {file::kPipeline, file::kNeuralNetworkClassifier, file::kNeuralNetwork, file::kMlProgram,
        file::kNonMaximumSuppression}) {
    if (model.has(kind)) return kind;
  }
  throw input_error(model.place(), "is a model type that the interpreter does not support");
}

// The non-maximum suppression at the end of a pipeline.
struct Suppression {
  double score_threshold = 0, iou_threshold = 1;
  bool per_class = false;
  std::string confidence, coordinates;
  std::vector<std::string> labels;
};

Suppression read_suppression(const Message& message) {
  using Nms = file::NonMaximumSuppression;
  Suppression s;
  s.per_class = message.message(Nms::kPickTop).flag(file::PickTop::kPerClass);
  s.labels = message.message(Nms::kStringClassLabels).texts(file::StringVector::kVector, 1 << 20);
  s.iou_threshold = message.real64(Nms::kIouThreshold);
  s.score_threshold = message.real64(Nms::kConfidenceThreshold);
  s.confidence = message.text(Nms::kConfidenceInputFeatureName);
  s.coordinates = message.text(Nms::kCoordinatesInputFeatureName);
  return s;
}

// An ML Program's rows as Core ML's suppression reads them. Of few values, or of a multiple of 80,
// it reads what is there; others it reads as if they followed each other although each has a gap
// after it, by all that is known of boxes that it loses (docs/formats/coreml.md). How large the gap
// is does not matter here.
std::vector<float> read_by_suppression(std::vector<float> values, std::size_t row) {
  constexpr std::size_t kFew = 8, kStep = 80;
  if (row < kFew || row % kStep == 0) return values;
  const std::size_t rows = values.size() / row, stride = (row + kStep - 1) / kStep * kStep;
  std::vector<float> stored(rows * stride);
  for (std::size_t i = 0; i < rows; ++i) {
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(i * row), row,
                stored.begin() + static_cast<std::ptrdiff_t>(i * stride));
  }
  stored.resize(values.size());
  return stored;
}

std::size_t best_class(const VisionBoxes& boxes, std::size_t row) {
  const auto begin = boxes.confidence.begin() + static_cast<std::ptrdiff_t>(row) * boxes.classes;
  return static_cast<std::size_t>(std::max_element(begin, begin + boxes.classes) - begin);
}

float score_of(const VisionBoxes& boxes, std::size_t row) {
  return boxes.confidence[row * static_cast<std::size_t>(boxes.classes) + best_class(boxes, row)];
}

image::Box box_of(const VisionBoxes& boxes, std::size_t row) {
  const float* c = boxes.coordinates.data() + row * 4;
  return {c[0] - c[2] / 2, c[1] - c[3] / 2, c[0] + c[2] / 2, c[1] + c[3] / 2};
}

VisionBoxes rows_of(const VisionBoxes& boxes, const std::vector<std::size_t>& rows) {
  VisionBoxes kept{boxes.classes, {}, {}};
  const auto classes = static_cast<std::size_t>(boxes.classes);
  for (const std::size_t row : rows) {
    for (std::size_t i = 0; i < classes; ++i) {
      kept.confidence.push_back(boxes.confidence[row * classes + i]);
    }
    for (std::size_t i = 0; i < 4; ++i) kept.coordinates.push_back(boxes.coordinates[row * 4 + i]);
  }
  return kept;
}

struct Candidate {
  std::size_t row = 0, best_class = 0;
  float score = 0;
  image::Box box;
};

// Repeatedly takes the best row and removes those that overlap it by more than the threshold.
VisionBoxes suppressed(const VisionBoxes& boxes, const Suppression& s, double score, double iou) {
  std::vector<Candidate> candidates, kept;
  for (std::size_t row = 0; row < boxes.coordinates.size() / 4; ++row) {
    const Candidate c{row, best_class(boxes, row), score_of(boxes, row), box_of(boxes, row)};
    if (c.score >= score) candidates.push_back(c);
  }
  std::ranges::stable_sort(candidates, std::ranges::greater(), &Candidate::score);
  std::vector<std::size_t> rows;
  for (const Candidate& c : candidates) {
    const auto covers = [&](const Candidate& other) {
      return (!s.per_class || other.best_class == c.best_class) &&
             image::iou(other.box, c.box) > iou;
    };
    if (std::ranges::any_of(kept, covers)) continue;
    kept.push_back(c);
    rows.push_back(c.row);
  }
  return rows_of(boxes, rows);
}

}  // namespace

struct CoreMlInterpreter::Model {
  std::string name;
  Bytes bytes;
  int version = 0;
  FileFeature input;
  graph::Shape shape;
  file::PixelScaling scaling;
  std::vector<std::string> outputs, labels;
  std::vector<Step> steps;
  std::optional<Suppression> suppression;
  bool is_program = false;
  graph::Precision arithmetic = graph::Precision::kFloat32;

  void read(const Message& model, const Bytes& weights) {
    const std::uint32_t kind = kind_of(model);
    if (kind == file::kPipeline) return read_pipeline(model.message(file::kPipeline), weights);
    if (kind == file::kNonMaximumSuppression) {
      throw input_error(name, "is a non-maximum suppression model without its network");
    }
    read_features(model.message(file::Model::kDescription));
    const Message network = model.message(kind);
    if (kind == file::kMlProgram) {
      is_program = true;
      const file::ProgramFile program(network, weights, name);
      steps = coreml::program_steps(program);
      const auto is_half = [](const file::ProgramOperation& one) { return one.half; };
      if (std::ranges::any_of(program.operations(), is_half)) {
        arithmetic = graph::Precision::kFloat16;
      }
      scaling = {};
      return;
    }
    scaling = file::scaling_of(network, input);
    if (kind == file::kNeuralNetworkClassifier) {
      labels = network.message(file::NeuralNetwork::kStringClassLabels)
                   .texts(file::StringVector::kVector, 1 << 20);
    }
    steps = coreml::network_steps(network, name);
  }

  void read_pipeline(const Message& pipeline, const Bytes& weights) {
    const std::vector<Message> models = pipeline.messages(file::Pipeline::kModels, 64);
    if (models.size() != 2 || kind_of(models[1]) != file::kNonMaximumSuppression) {
      throw input_error(name, "is not a pipeline of a network and non-maximum suppression");
    }
    read(models[0], weights);
    suppression = read_suppression(models[1].message(file::kNonMaximumSuppression));
    labels = suppression->labels;
  }

  void read_features(const Message& description) {
    const auto inputs = file::features_of(description, file::ModelDescription::kInput);
    if (inputs.size() != 1) throw input_error(name, "the network must have exactly one input");
    input = inputs.front();
    std::vector<std::int64_t> sides = input.shape;
    if (sides.size() == 4 && sides[0] == 1) sides.erase(sides.begin());
    if (sides.size() != 3) throw input_error(name, "the input is not an image");
    shape = {static_cast<int>(sides[0]), static_cast<int>(sides[1]), static_cast<int>(sides[2])};
    const std::string label = description.text(file::ModelDescription::kPredictedFeatureName);
    outputs.clear();
    for (const FileFeature& output :
         file::features_of(description, file::ModelDescription::kOutput)) {
      if (output.name != label) outputs.push_back(output.name);
    }
  }

  // Leaves only the steps that the outputs need.
  void drop_unneeded() {
    std::set<std::string> needed(outputs.begin(), outputs.end());
    std::vector<Step> kept;
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      if (!needed.contains(step->output)) continue;
      needed.insert(step->inputs.begin(), step->inputs.end());
      kept.push_back(std::move(*step));
    }
    std::ranges::reverse(kept);
    steps = std::move(kept);
  }

  // The image as the first layer sees it.
  Map picture(std::span<const float> values) const {
    if (values.size() != static_cast<std::size_t>(shape.count())) {
      throw Error(ErrorCode::kUsage, name,
                  "an image of " + std::to_string(values.size()) + " values for the input " +
                      to_string(shape));
    }
    Map map(shape);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float byte = input.image ? values[i] * 255 : values[i];
      const float shift = scaling.bias.empty() ? 0 : scaling.bias[i / map.plane()];
      map.values[i] = byte * scaling.scale + shift;
    }
    return map;
  }

  std::map<std::string, Map> maps(std::span<const float> values) const {
    std::map<std::string, Map> made;
    made[input.name] = picture(values);
    for (const Step& step : steps) {
      std::vector<const Map*> in;
      for (const std::string& map : step.inputs) {
        const auto found = made.find(map);
        if (found == made.end()) {
          throw input_error(name + ": " + step.layer,
                            "reads \"" + map + "\", which does not exist");
        }
        in.push_back(&found->second);
      }
      made[step.output] = step.make(in);
    }
    return made;
  }
};

CoreMlInterpreter::CoreMlInterpreter(const Bytes& model, const std::string& name,
                                     const Bytes& weights)
    : model_(std::make_unique<Model>()) {
  model_->name = name;
  model_->bytes = model;
  const Message message(model_->bytes.span(), model_->name);
  model_->version = static_cast<int>(message.integer(file::Model::kSpecificationVersion));
  model_->read(message, weights);
}

CoreMlInterpreter::~CoreMlInterpreter() = default;

graph::Precision CoreMlInterpreter::arithmetic() const { return model_->arithmetic; }
int CoreMlInterpreter::specification_version() const { return model_->version; }
bool CoreMlInterpreter::is_pipeline() const { return model_->suppression.has_value(); }
bool CoreMlInterpreter::takes_image() const { return model_->input.image; }
bool CoreMlInterpreter::takes_bgr() const { return model_->input.bgr; }
std::vector<std::string> CoreMlInterpreter::output_names() const { return model_->outputs; }
std::vector<std::string> CoreMlInterpreter::class_labels() const { return model_->labels; }

void CoreMlInterpreter::set_outputs(std::vector<std::string> names) {
  model_->outputs = std::move(names);
  model_->suppression.reset();
  model_->drop_unneeded();
}

std::vector<std::vector<float>> CoreMlInterpreter::run(std::span<const float> input) {
  if (is_pipeline()) {
    VisionBoxes found = boxes(input);
    return {std::move(found.confidence), std::move(found.coordinates)};
  }
  auto maps = model_->maps(input);
  std::vector<std::vector<float>> outputs;
  for (const std::string& output : model_->outputs) {
    const auto found = maps.find(output);
    if (found == maps.end()) {
      throw input_error(model_->name + ": " + output, "no layer makes this output");
    }
    outputs.push_back(std::move(found->second.values));
  }
  return outputs;
}

std::map<std::string, std::vector<float>> CoreMlInterpreter::run_layers(
    std::span<const float> input) {
  auto maps = model_->maps(input);
  std::map<std::string, std::vector<float>> values;
  for (const Step& step : model_->steps) values[step.output] = maps[step.output].values;
  for (const Step& step : model_->steps) {  // a tensor may have the name of another's layer
    std::string_view layer = step.layer;    // the activation replaces its layer
    if (layer.ends_with(kActivation)) layer.remove_suffix(kActivation.size());
    values[std::string(layer)] = std::move(maps[step.output].values);
  }
  return values;
}

VisionBoxes CoreMlInterpreter::raw_boxes(std::span<const float> input) {
  if (!is_pipeline()) {
    throw Error(ErrorCode::kUsage, model_->name, "outputs raw heads, not boxes",
                "export the model as a pipeline");
  }
  auto maps = model_->maps(input);
  Map& confidence = maps[model_->suppression->confidence];
  Map& coordinates = maps[model_->suppression->coordinates];
  if (coordinates.shape != graph::Shape{confidence.shape.channels, 4, 1} ||
      confidence.shape.width != 1 || confidence.shape.height < 1) {
    throw input_error(model_->name, "confidence " + to_string(confidence.shape) +
                                        " and coordinates " + to_string(coordinates.shape) +
                                        " are not boxes");
  }
  const int row = confidence.shape.height;
  if (!model_->labels.empty() && std::ssize(model_->labels) != row) {
    throw input_error(model_->name, "has " + std::to_string(model_->labels.size()) +
                                        " labels for " + std::to_string(row) +
                                        " confidences in each row");
  }
  std::vector<float> confidences = std::move(confidence.values);
  if (model_->is_program) {
    confidences = read_by_suppression(std::move(confidences), static_cast<std::size_t>(row));
  }
  return {row, std::move(confidences), std::move(coordinates.values)};
}

VisionBoxes CoreMlInterpreter::boxes(std::span<const float> input,
                                     std::optional<double> score_threshold,
                                     std::optional<double> iou_threshold) {
  const VisionBoxes all = raw_boxes(input);
  const Suppression& s = *model_->suppression;
  return suppressed(all, s, score_threshold.value_or(s.score_threshold),
                    iou_threshold.value_or(s.iou_threshold));
}

std::vector<detect::Detection> CoreMlInterpreter::detections(std::span<const float> input,
                                                             std::optional<double> score_threshold,
                                                             std::optional<double> iou_threshold) {
  const VisionBoxes found = boxes(input, score_threshold, iou_threshold);
  const auto width = static_cast<float>(model_->shape.width);
  const auto height = static_cast<float>(model_->shape.height);
  std::vector<detect::Detection> detections;
  for (std::size_t row = 0; row < found.coordinates.size() / 4; ++row) {
    const image::Box box = box_of(found, row);
    detections.push_back(
        {static_cast<int>(best_class(found, row)),
         score_of(found, row),
         {box.left * width, box.top * height, box.right * width, box.bottom * height}});
  }
  return detections;
}

std::unique_ptr<CoreMlInterpreter> interpret_coreml(std::span<const formats::File> files) {
  const formats::File* model = nullptr;
  Bytes weights;
  for (const formats::File& each : files) {
    if (each.name.ends_with(".mlmodel")) model = &each;
    if (each.name.ends_with("weight.bin")) weights = each.bytes;
  }
  if (model == nullptr) throw input_error("coreml", "there is no .mlmodel among the files");
  return std::make_unique<CoreMlInterpreter>(model->bytes, model->name, weights);
}

}  // namespace oko::convert
