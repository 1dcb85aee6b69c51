#include <algorithm>

#include "oko/formats/coreml/decoding.h"
#include "oko/formats/coreml/layers.h"
#include "oko/formats/coreml/network_arithmetic.h"
#include "oko/formats/coreml/pipeline.h"
#include "oko/graph/fold.h"

namespace oko::formats {
namespace {

using coreml::ArrayKind;
using coreml::describe_array;
namespace proto = oko::coreml;

constexpr float kByteScale = 1.F / 255;
constexpr int kFloat32Version = 1, kFloat16Version = 2, kInt8Version = 3, kPipelineVersion = 3;

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
  add_preprocessing(network, to);
  coreml::LayerWriter writer(to, options.precision);
  coreml::write_layers(network, names, writer);
  model.set_specification_version(std::max(version_of(options.precision), writer.version()));
  if (classifier) {
    describe_classifier(names.front(), description);
    for (const std::string& name : network.classes) to.mutable_class_labels()->add_texts(name);
    to.set_probability_map(names.front());
    return;
  }
  const std::vector<int> outputs = network.outputs();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const graph::Shape& s = network.layers[outputs[i]].output;
    std::vector<std::int64_t> sides{s.channels, s.height, s.width};
    if (writer.version() >= coreml::kExactRanks) sides.insert(sides.begin(), 2, 1);
    describe_array(names[i], sides, ArrayKind::kDouble, "Raw network output",
                   *description.add_outputs());
  }
}

// The network with its decoding, and the version that it needs. Returns the number of boxes.
std::int64_t write_decoded(const graph::Network& network, const WriteOptions& options,
                           proto::Model& model) {
  const std::vector<std::string> maps = output_names(network);
  proto::NeuralNetwork& to = *model.mutable_neural_network();
  add_preprocessing(network, to);
  coreml::LayerWriter writer(to, options.precision);
  coreml::write_layers(network, maps, writer);
  coreml::NetworkArithmetic arithmetic(writer);
  const std::int64_t boxes = coreml::write_decoding(network, maps, arithmetic);
  model.set_specification_version(std::max(kPipelineVersion, writer.version()));
  return boxes;
}

void write_pipeline(const graph::Network& network, const WriteOptions& options,
                    proto::Model& model) {
  coreml::check_pipeline(network, options);
  const std::int64_t boxes =
      write_decoded(network, options, *model.mutable_pipeline()->add_models());
  coreml::finish_pipeline(network, options, {boxes, network.class_count(), ArrayKind::kDouble},
                          model);
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
