#include <algorithm>

#include "oko/base/error.h"
#include "oko/formats/coreml/layers.h"
#include "oko/graph/fold.h"

namespace oko::formats {
namespace {

using coreml::ArrayKind;
using coreml::describe_array;
namespace proto = oko::coreml;

constexpr float kByteScale = 1.F / 255;
constexpr int kFloat32Version = 1, kFloat16Version = 2, kInt8Version = 3, kPipelineVersion = 3;
constexpr const char *kConfidence = "confidence", *kCoordinates = "coordinates";
constexpr const char *kIou = "iouThreshold", *kScore = "confidenceThreshold";

double score_of(const WriteOptions& options) {
  return static_cast<double>(options.thresholds.score);
}
double iou_of(const WriteOptions& options) { return static_cast<double>(options.thresholds.iou); }

int version_of(graph::Precision weights) {
  switch (weights) {
    case graph::Precision::kFloat32:
      return kFloat32Version;
    case graph::Precision::kFloat16:
      return kFloat16Version;
    case graph::Precision::kInt8:
      return kInt8Version;
  }
  return kInt8Version;
}

void add_preprocessing(const graph::Network& network, proto::NeuralNetwork& to) {
  if (!coreml::takes_image(network)) return;
  proto::Preprocessing& preprocessing = *to.add_preprocessing();
  preprocessing.set_feature(kInputName);
  preprocessing.mutable_scaler()->set_channel_scale(kByteScale);
}

bool is_classifier(const graph::Network& network) {
  const auto outputs = network.outputs();
  const graph::Shape& last = network.layers[outputs.front()].output;
  return network.heads().empty() && outputs.size() == 1 && last.height * last.width == 1 &&
         !network.classes.empty() &&
         network.classes.size() == static_cast<std::size_t>(last.channels);
}

void describe_classifier(const std::string& output, proto::Description& to) {
  proto::Feature& probabilities = *to.add_outputs();
  probabilities.set_name(output);
  probabilities.set_description("The probability of each class");
  probabilities.mutable_type()->mutable_dictionary()->mutable_text_key();
  proto::Feature& label = *to.add_outputs();
  label.set_name("classLabel");
  label.set_description("The most probable class");
  label.mutable_type()->mutable_text();
  to.set_predicted_feature("classLabel");
  to.set_predicted_probabilities(output);
}

// The network with its raw heads as outputs.
void write_raw(const graph::Network& network, const WriteOptions& options, proto::Model& model) {
  const std::vector<std::string> names = output_names(network);
  proto::Description& description = *model.mutable_description();
  const bool classifier = is_classifier(network);
  proto::NeuralNetwork& to =
      classifier ? *model.mutable_neural_network_classifier() : *model.mutable_neural_network();
  if (classifier) {
    describe_classifier(names.front(), description);
    for (const std::string& name : network.classes) to.mutable_class_labels()->add_texts(name);
    to.set_probability_map(names.front());
  } else {
    const std::vector<int> outputs = network.outputs();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const graph::Shape& s = network.layers[outputs[i]].output;
      describe_array(names[i], {s.channels, s.height, s.width}, ArrayKind::kDouble,
                     "Raw network output", *description.add_outputs());
    }
  }
  add_preprocessing(network, to);
  coreml::LayerWriter writer(to, options.precision);
  coreml::write_layers(network, names, writer);
  model.set_specification_version(std::max(version_of(options.precision), writer.version()));
}

// The network with its decoding, and the version that it needs. Returns the number of boxes.
std::int64_t write_decoded(const graph::Network& network, const WriteOptions& options,
                           proto::Model& model) {
  const std::vector<std::string> maps = output_names(network);
  proto::NeuralNetwork& to = *model.mutable_neural_network();
  add_preprocessing(network, to);
  coreml::LayerWriter writer(to, options.precision);
  coreml::write_layers(network, maps, writer);
  const std::int64_t boxes = coreml::write_decoding(network, maps, writer);
  model.set_specification_version(std::max(kPipelineVersion, writer.version()));
  return boxes;
}

// Any number of rows.
void set_open_rows(std::int64_t columns, proto::Feature& feature) {
  proto::ShapeRange& range = *feature.mutable_type()->mutable_array()->mutable_shape_range();
  range.add_sizes()->set_upper(-1);
  proto::SizeRange& second = *range.add_sizes();
  second.set_lower(static_cast<std::uint64_t>(columns));
  second.set_upper(columns);
}

void describe_boxes(std::int64_t classes, proto::Description& to) {
  describe_array(kConfidence, {}, ArrayKind::kDouble, "Boxes x classes", *to.add_outputs());
  set_open_rows(classes, *to.mutable_outputs(to.outputs_size() - 1));
  describe_array(kCoordinates, {}, ArrayKind::kDouble,
                 "Boxes x (centre x, centre y, width, height), relative to the image size",
                 *to.add_outputs());
  set_open_rows(4, *to.mutable_outputs(to.outputs_size() - 1));
}

void describe_threshold(const char* name, double value, bool optional, proto::Description& to) {
  proto::Feature& feature = *to.add_inputs();
  feature.set_name(name);
  std::string text = std::to_string(value);
  feature.set_description("Between 0 and 1; default " + text.substr(0, text.size() - 3));
  feature.mutable_type()->mutable_double_number();
  feature.mutable_type()->set_optional(optional);
}

void write_suppression(const graph::Network& network, const WriteOptions& options,
                       const proto::Description& network_description, proto::Model& model) {
  proto::Description& description = *model.mutable_description();
  for (const proto::Feature& raw : network_description.outputs()) *description.add_inputs() = raw;
  describe_threshold(kIou, iou_of(options), false, description);
  describe_threshold(kScore, score_of(options), false, description);
  describe_boxes(network.class_count(), description);
  proto::Suppression& to = *model.mutable_suppression();
  to.mutable_pick_top()->set_per_class(true);
  for (const std::string& name : network.classes) to.mutable_class_labels()->add_texts(name);
  to.set_iou_threshold(iou_of(options));
  to.set_confidence_threshold(score_of(options));
  to.set_confidence_input(coreml::kRawConfidence);
  to.set_coordinates_input(coreml::kRawCoordinates);
  to.set_iou_threshold_input(kIou);
  to.set_confidence_threshold_input(kScore);
  to.set_confidence_output(kConfidence);
  to.set_coordinates_output(kCoordinates);
}

void check_pipeline(const graph::Network& network, const WriteOptions& options) {
  const auto refuse = [](const char* message, const char* hint) {
    throw Error(ErrorCode::kUsage, "coreml", message, hint);
  };
  if (network.heads().empty()) {
    refuse("a pipeline needs an object detector; this network has no heads",
           "export the network without a pipeline");
  }
  if (network.classes.size() != static_cast<std::size_t>(network.class_count())) {
    refuse("a pipeline needs class names", "give the model its class names");
  }
  for (const double threshold : {score_of(options), iou_of(options)}) {
    if (!(threshold >= 0 && threshold <= 1)) {
      refuse("a threshold is outside 0…1", "usual values are .25 for scores and .45 for IoU");
    }
  }
}

void write_pipeline(const graph::Network& network, const WriteOptions& options,
                    proto::Model& model) {
  check_pipeline(network, options);
  proto::Pipeline& pipeline = *model.mutable_pipeline();
  proto::Model& decoded = *pipeline.add_models();
  proto::Description& inner = *decoded.mutable_description();
  coreml::describe_input(network, ArrayKind::kDouble, *inner.add_inputs());
  const std::int64_t boxes = write_decoded(network, options, decoded);
  describe_array(coreml::kRawConfidence, {boxes, network.class_count()}, ArrayKind::kDouble,
                 "Confidence of each class in each box", *inner.add_outputs());
  describe_array(coreml::kRawCoordinates, {boxes, 4}, ArrayKind::kDouble,
                 "Centre, width and height of each box", *inner.add_outputs());
  proto::Model& suppression = *pipeline.add_models();
  suppression.set_specification_version(kPipelineVersion);
  model.set_specification_version(decoded.specification_version());
  write_suppression(network, options, inner, suppression);
  pipeline.add_names("network");
  pipeline.add_names("suppression");
  proto::Description& outer = *model.mutable_description();
  describe_threshold(kIou, iou_of(options), true, outer);
  describe_threshold(kScore, score_of(options), true, outer);
  describe_boxes(network.class_count(), outer);
}

}  // namespace

std::vector<File> write_coreml(const graph::Network& network, const WriteOptions& options,
                               const std::string& stem) {
  const graph::Network n = graph::inference_form(network);
  proto::Model model;
  proto::Description& description = *model.mutable_description();
  coreml::describe_model(n, options.info, *description.mutable_metadata());
  coreml::describe_input(n, ArrayKind::kDouble, *description.add_inputs());
  if (options.boxes) {
    write_pipeline(n, options, model);
  } else {
    write_raw(n, options, model);
  }
  const std::string name = stem + ".mlmodel";
  return {{name, Bytes(coreml::serialized(model, name))}};
}

}  // namespace oko::formats
