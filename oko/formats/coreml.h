#pragma once

#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/format.h"
#include "oko/formats/heads.h"
#include "oko/graph/network.h"

namespace oko::formats {

// A Core ML neural network "<stem>.mlmodel": the input is an image in the network's colour order,
// or a multi-array of 0…1 for a number of channels other than 1 and 3. A network without heads
// whose class names match its last layer becomes a classifier. The specification version is the
// lowest possible: 1 for float32, 2 for float16, 3 for int8 or a pipeline, more for some layers
// (docs/formats/coreml.md, which also describes the pipeline's decoding). Throws a usage Error for
// thresholds outside 0…1 and for a pipeline of a network without heads or without one name for each
// class.
//
// Float16 rounds every weight; int8 quantizes kernels linearly between each filter's minimum and
// maximum. With options.boxes the model is a Vision object detector (a pipeline), whose thresholds
// an app can change; otherwise the outputs are the raw heads, named by output_names().
std::vector<File> write_coreml(const graph::Network& network, const WriteOptions& options,
                               const std::string& stem);

// An ML Program (specification version 6, iOS 15): the files of the folder "<stem>.mlpackage", with
// weights and arithmetic in float32 or float16.
// Outputs are the raw heads, named by output_names(), as float32 multi-arrays [1, channels, height,
// width]. With options.boxes it is a pipeline as write_coreml() makes it, with the same Errors,
// whose decoding is in float32; from 8 classes on, confidences have rows of a multiple of 80, the
// rest 0.
std::vector<File> write_mlpackage(const graph::Network& network, const WriteOptions& options,
                                  const std::string& stem);

// Reads a neural network or classifier (.mlmodel) of the layers that detectors and simple
// classifiers are made of, with any kind of weights; the neural network in a pipeline; or an ML
// Program, whose `weights` are the package's weights/weight.bin. Layers that decode boxes are
// dropped: their inputs become the outputs, and a note says so. Of a file of another tool the heads
// are those that recognize.h finds, unless the options give others or want none. Throws input
// Errors that name the layer or the byte.
Imported read_coreml(const Bytes& bytes, const std::string& name, const Bytes& weights = {},
                     const ReadOptions& options = {});

}  // namespace oko::formats
