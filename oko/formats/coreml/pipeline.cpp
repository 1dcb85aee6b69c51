#include "oko/formats/coreml/pipeline.h"

#include <string>

#include "oko/base/error.h"
#include "oko/formats/coreml/decoding.h"
#include "oko/formats/coreml/layers.h"

namespace oko::formats::coreml {
namespace {

constexpr int kSuppressionVersion = 3;  // of doubles; of float32 a program's version, 6, will do
constexpr const char *kConfidence = "confidence", *kCoordinates = "coordinates";
constexpr const char *kIou = "iouThreshold", *kScore = "confidenceThreshold";

double score_of(const WriteOptions& options) {
  return static_cast<double>(options.thresholds.score);
}
double iou_of(const WriteOptions& options) { return static_cast<double>(options.thresholds.iou); }

// Any number of rows.
void describe_rows(const char* name, std::int64_t columns, ArrayKind kind,
                   const std::string& description, proto::Description& to) {
  proto::Feature& feature = *to.add_outputs();
  describe_array(name, {}, kind, description, feature);
  proto::ShapeRange& range = *feature.mutable_type()->mutable_array()->mutable_shape_range();
  range.add_sizes()->set_upper(-1);
  proto::SizeRange& second = *range.add_sizes();
  second.set_lower(static_cast<std::uint64_t>(columns));
  second.set_upper(columns);
}

void describe_boxes(int classes, const RawBoxes& boxes, proto::Description& to) {
  std::string confidence = "Boxes x classes";
  if (boxes.row > classes) {
    confidence += ": the first " + std::to_string(classes) + " of each row; the rest is 0";
  }
  describe_rows(kConfidence, boxes.row, boxes.kind, confidence, to);
  describe_rows(kCoordinates, 4, boxes.kind,
                "Boxes x (centre x, centre y, width, height), relative to the image size", to);
}

void describe_threshold(const char* name, double value, bool optional, proto::Description& to) {
  proto::Feature& feature = *to.add_inputs();
  feature.set_name(name);
  std::string text = std::to_string(value);
  feature.set_description("Between 0 and 1; default " + text.substr(0, text.size() - 3));
  feature.mutable_type()->mutable_double_number();
  feature.mutable_type()->set_optional(optional);
}

// One for each value of a row. Those without a class are unlike all classes' names, in case an app
// looks for a class by its name.
void add_labels(const std::vector<std::string>& classes, int row, proto::Texts& to) {
  Names names;
  for (const std::string& name : classes) {
    names.unused(name);
    to.add_texts(name);
  }
  for (int i = to.texts_size(); i < row; ++i) {
    to.add_texts(names.unused("unused " + std::to_string(i + 1)));
  }
}

void describe_network(const graph::Network& network, const RawBoxes& boxes,
                      proto::Description& to) {
  describe_input(network, boxes.kind, *to.add_inputs());
  describe_array(kRawConfidence, {boxes.count, boxes.row}, boxes.kind,
                 "Confidence of each class in each box", *to.add_outputs());
  describe_array(kRawCoordinates, {boxes.count, 4}, boxes.kind,
                 "Centre, width and height of each box", *to.add_outputs());
}

void write_suppression(const graph::Network& network, const WriteOptions& options,
                       const RawBoxes& boxes, const proto::Description& before,
                       proto::Model& model) {
  proto::Description& description = *model.mutable_description();
  for (const proto::Feature& raw : before.outputs()) *description.add_inputs() = raw;
  describe_threshold(kIou, iou_of(options), false, description);
  describe_threshold(kScore, score_of(options), false, description);
  describe_boxes(network.class_count(), boxes, description);
  proto::Suppression& to = *model.mutable_suppression();
  to.mutable_pick_top()->set_per_class(true);
  add_labels(network.classes, boxes.row, *to.mutable_class_labels());
  to.set_iou_threshold(iou_of(options));
  to.set_confidence_threshold(score_of(options));
  to.set_confidence_input(kRawConfidence);
  to.set_coordinates_input(kRawCoordinates);
  to.set_iou_threshold_input(kIou);
  to.set_confidence_threshold_input(kScore);
  to.set_confidence_output(kConfidence);
  to.set_coordinates_output(kCoordinates);
}

}  // namespace

void check_pipeline(const graph::Network& network, const WriteOptions& options) {
  const auto refuse = [](const char* message, const char* hint) {
    throw Error(ErrorCode::kUsage, "coreml", message, hint);
  };
  if (network.heads().empty()) {
    refuse("a pipeline needs an object detector; this network has no heads",
           "export the network without a pipeline");
  }
  if (network.classes.size() != static_cast<std::size_t>(network.class_count())) {
    refuse("a pipeline needs class names", "oko import --names FILE gives the model its names");
  }
  for (const double threshold : {score_of(options), iou_of(options)}) {
    if (!(threshold >= 0 && threshold <= 1)) {
      refuse("a threshold is outside 0…1", "usual values are .25 for scores and .45 for IoU");
    }
  }
}

void finish_pipeline(const graph::Network& network, const WriteOptions& options,
                     const RawBoxes& boxes, proto::Model& model) {
  proto::Pipeline& pipeline = *model.mutable_pipeline();
  proto::Model& decoded = *pipeline.mutable_models(0);
  describe_network(network, boxes, *decoded.mutable_description());
  const int version = decoded.specification_version();
  proto::Model& suppression = *pipeline.add_models();
  suppression.set_specification_version(boxes.kind == ArrayKind::kDouble ? kSuppressionVersion
                                                                         : version);
  model.set_specification_version(version);
  write_suppression(network, options, boxes, pipeline.models(0).description(), suppression);
  pipeline.add_names("network");
  pipeline.add_names("suppression");
  proto::Description& outer = *model.mutable_description();
  describe_threshold(kIou, iou_of(options), true, outer);
  describe_threshold(kScore, score_of(options), true, outer);
  describe_boxes(network.class_count(), boxes, outer);
}

}  // namespace oko::formats::coreml
