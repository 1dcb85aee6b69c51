#pragma once

#include <string>
#include <vector>

#include "oko/formats/file.h"
#include "oko/graph/network.h"

namespace oko::formats {

// What the wrapper is written over.
enum class WrapperTarget {
  kCoreMl,  // Swift over the .mlmodel or .mlpackage
  kMps,     // Swift over the class that write_mps() wrote
  kTflite,  // Kotlin over TensorFlow Lite's Interpreter
  kOnnx,    // TypeScript over onnxruntime-web
  kNcnn,    // one C++ header over ncnn::Net, for Android and iOS: ncnn has no Kotlin or Swift side
  kOko,     // Swift, Kotlin and TypeScript over oko's own packages (apps/)
};

struct WrapperOptions {
  WrapperTarget target = WrapperTarget::kCoreMl;
  // The model decodes and suppresses by itself: Core ML's pipeline, ONNX with boxes. A usage Error
  // for other targets.
  bool decoded = false;
  float score = .25F, iou = .45F;  // the thresholds that the wrapper begins with, 0…1
  int max_detections = 300;
  std::string kotlin_package = "dev.oko.models";
};

// The code that an app would otherwise write round the model <stem>.*: an enumeration of the
// classes with their labels, and a detector that takes a frame and gives boxes in the frame's own
// pixels, best first. Letterbox, decoding and suppression are those of image/letterbox.h and
// detect/decode.h, for this network. docs/formats/wrappers.md has the files and how they are used.
//
// Empty for a network without heads. Throws an input Error for one whose input has not 3 channels,
// and usage Errors for options that make no sense. Weights are not needed.
std::vector<File> write_wrappers(const graph::Network& network, const WrapperOptions& options,
                                 const std::string& stem);

}  // namespace oko::formats
