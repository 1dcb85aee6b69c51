#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/convert/executor.h"
#include "oko/detect/detection.h"
#include "oko/formats/format.h"

namespace oko::convert {

// The outputs of a Vision pipeline.
struct VisionBoxes {
  int classes = 0;                // and zeros that fill the row
  std::vector<float> confidence;  // boxes × classes
  std::vector<float>
      coordinates;  // boxes × (centre x, centre y, width, height), relative to the input
};

// Interprets a Core ML file according to Apple's specification, with naive loops in float32: neural
// networks with any kind of weights, classifiers, pipelines of a network and suppression, and ML
// Programs, whose float16 values are rounded after every operation. It has its own parser and
// shares nothing with oko's writers, so that it finds their errors. If the model takes an image,
// pixel values are 0…255.
class CoreMlInterpreter : public Executor {
 public:
  // `weights` are an .mlpackage's weights/weight.bin. Throws input Errors as read_coreml() does.
  // For layers that it does not support run() throws them, if the outputs depend on these.
  CoreMlInterpreter(const Bytes& model, const std::string& name, const Bytes& weights = {});
  ~CoreMlInterpreter() override;

  std::string name() const override { return "oko's Core ML interpreter"; }
  graph::Precision arithmetic() const override;
  // For a pipeline: confidence and coordinates as from boxes().
  std::vector<std::vector<float>> run(std::span<const float> input) override;
  // Makes run() return these tensors instead of the model's own outputs or a pipeline's boxes: for
  // a model whose post-processing oko skips.
  void set_outputs(std::vector<std::string> names);
  // By tensor name and by layer name.
  std::map<std::string, std::vector<float>> run_layers(std::span<const float> input) override;

  // The model's metadata.
  int specification_version() const;
  bool is_pipeline() const;
  bool takes_image() const;
  bool takes_bgr() const;
  std::vector<std::string> output_names() const;
  std::vector<std::string> class_labels() const;  // of a pipeline or classifier

  // Pipelines only, else a usage Error. Thresholds default to the model's own.
  VisionBoxes boxes(std::span<const float> input, std::optional<double> score_threshold = {},
                    std::optional<double> iou_threshold = {});
  // All boxes before suppression, as Core ML's suppression reads them: of an ML Program it reads
  // most widths of rows wrongly.
  VisionBoxes raw_boxes(std::span<const float> input);
  // boxes() in pixels of the network's input, with the best class of each row.
  std::vector<detect::Detection> detections(std::span<const float> input,
                                            std::optional<double> score_threshold = {},
                                            std::optional<double> iou_threshold = {});

 private:
  struct Model;
  std::unique_ptr<Model> model_;
};

// An interpreter for the output of write_coreml() or write_mlpackage(), or for the files of a model
// folder, recognized by their extensions.
std::unique_ptr<CoreMlInterpreter> interpret_coreml(std::span<const formats::File> files);

}  // namespace oko::convert
