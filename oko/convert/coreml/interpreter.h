#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/convert/executor.h"
#include "oko/detect/detection.h"
#include "oko/formats/file.h"

namespace oko::convert {

// The numbers that come out of a pipeline for Vision.
struct VisionBoxes {
  int classes = 0;
  std::vector<float> confidence;  // boxes × classes
  std::vector<float>
      coordinates;  // boxes × (centre x, centre y, width, height), parts of the input
};

// Runs the bytes of a Core ML file as Apple's format says, in plain loops and float32: neural
// networks with any kind of weights, classifiers, pipelines of a network and suppression, and ML
// Programs, whose values of type float16 are rounded to it after every operation. It takes the file
// apart by itself and shares nothing with oko's writers, so that it finds what they do wrong. The
// picture goes in as bytes would, 0…255, where the model takes an image.
class CoreMlInterpreter : public Executor {
 public:
  // `weights` are an .mlpackage's weights/weight.bin. Throws input Errors as read_coreml() does,
  // and for layers it does not know.
  CoreMlInterpreter(const Bytes& model, const std::string& name, const Bytes& weights = {});
  ~CoreMlInterpreter() override;

  std::string name() const override { return "oko's Core ML interpreter"; }
  // Of a pipeline: confidence and coordinates as boxes() gives them.
  std::vector<std::vector<float>> run(std::span<const float> input) override;
  // run() then gives these tensors instead of the model's own outputs or a pipeline's boxes: for a
  // model whose end oko leaves out.
  void set_outputs(std::vector<std::string> names);
  // By the names of maps and of layers.
  std::map<std::string, std::vector<float>> run_layers(std::span<const float> input) override;

  // What the model says of itself.
  int specification_version() const;
  bool is_pipeline() const;
  bool takes_image() const;
  bool takes_bgr() const;
  std::vector<std::string> output_names() const;
  std::vector<std::string> class_labels() const;  // of a pipeline or classifier

  // Only of a pipeline, else a usage Error. Thresholds that are not given are the model's own.
  VisionBoxes boxes(std::span<const float> input, std::optional<double> score_threshold = {},
                    std::optional<double> iou_threshold = {});
  // All boxes before suppression.
  VisionBoxes raw_boxes(std::span<const float> input);
  // boxes() in pixels of the network's input: each row's best class.
  std::vector<detect::Detection> detections(std::span<const float> input,
                                            std::optional<double> score_threshold = {},
                                            std::optional<double> iou_threshold = {});

 private:
  struct Model;
  std::unique_ptr<Model> model_;
};

// The interpreter of what write_coreml() or write_mlpackage() made, or of a model's files as they
// lie in its folder: found by the endings of their names.
std::unique_ptr<CoreMlInterpreter> interpret_coreml(const std::vector<formats::File>& files);

}  // namespace oko::convert
