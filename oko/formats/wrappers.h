#pragma once

#include <string>
#include <vector>

#include "oko/formats/file.h"
#include "oko/graph/network.h"

namespace oko::formats {

// The library that the wrapper uses.
enum class WrapperTarget {
  kCoreMl,  // Swift over the .mlmodel or .mlpackage
  kMps,     // Swift over the class that write_mps() wrote
  kTflite,  // Kotlin over TensorFlow Lite's Interpreter
  kOnnx,    // TypeScript over onnxruntime-web
  kNcnn,    // one C++ header over ncnn::Net, for Android and iOS: ncnn has no Kotlin or Swift API
  kOko,     // Swift, Kotlin and TypeScript over oko's own packages (apps/)
};

struct WrapperOptions {
  WrapperTarget target = WrapperTarget::kCoreMl;
  // The model contains decoding and suppression: Core ML's pipeline, ONNX with boxes. A usage Error
  // for other targets.
  bool decoded = false;
  float score = .25F, iou = .45F;  // the wrapper's default thresholds, 0…1
  int max_detections = 300;
  std::string kotlin_package = "dev.oko.models";
};

// The code that an app would otherwise write around the model <stem>.*: an enumeration of the
// classes with their labels, and a detector that takes a frame and returns boxes in the frame's own
// pixels, best first. Letterbox, decoding and suppression are those of image/letterbox.h and
// detect/decode.h, for this network. docs/formats/wrappers.md has the files and how they are used.
//
// Empty for a network without heads. Throws an input Error for one whose input has not 3 channels,
// and usage Errors for invalid options. Weights are not needed.
std::vector<File> write_wrappers(const graph::Network& network, const WrapperOptions& options,
                                 const std::string& stem);

}  // namespace oko::formats
