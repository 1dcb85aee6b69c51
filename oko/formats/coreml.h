#pragma once

#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/file.h"
#include "oko/formats/heads.h"
#include "oko/graph/network.h"

namespace oko::formats {

enum class CoreMlWeights {
  kFloat32,
  kFloat16,  // every weight; phones compute in float16 anyhow
  kInt8,     // kernels as 256 even steps between the least and the largest weight of each filter
};

struct CoreMlOptions {
  ModelInfo info;
  CoreMlWeights weights = CoreMlWeights::kFloat32;
  // What Vision turns into recognised objects: the network with its decoding, and suppression of
  // overlapping boxes. Else the raw maps leave the model by output_names().
  bool pipeline = false;
  double score_threshold = .25, iou_threshold = .45;  // of the pipeline; an app can change both
};

// A Core ML neural network "<stem>.mlmodel": the picture goes in as an image in the network's
// colour order, any other number of channels than 1 and 3 as a multi-array of 0…1. A network
// without heads whose class names fit its last map becomes a classifier. The specification version
// is the lowest that has what is written: 1 for float32, 2 for float16, 3 for int8 or a pipeline.
// Throws a usage Error for thresholds outside 0…1 and for a pipeline of a network without heads or
// without one name for each class. docs/formats/coreml.md tells how the pipeline decodes.
std::vector<File> write_coreml(const graph::Network& network, const CoreMlOptions& options,
                               const std::string& stem);

struct MlPackageOptions {
  ModelInfo info;
  bool float32 =
      false;  // weights and arithmetic; else float16 from behind the input to the outputs
};

// An ML Program (specification version 6, iOS 15): the files of the folder "<stem>.mlpackage". Raw
// maps leave it by output_names() as float32 multi-arrays [1, channels, height, width].
std::vector<File> write_mlpackage(const graph::Network& network, const MlPackageOptions& options,
                                  const std::string& stem);

// Reads a neural network or classifier (.mlmodel) of the layers that YOLO networks and simple
// classifiers are made of, with any kind of weights; of a pipeline the neural network in it; or an
// ML Program, whose `weights` are the package's weights/weight.bin. Layers that turn maps into
// boxes are left out: the maps before them become the outputs, and a note tells so. Throws input
// Errors that name the layer or the byte.
Imported read_coreml(const Bytes& bytes, const std::string& name, const Bytes& weights = {});

}  // namespace oko::formats
