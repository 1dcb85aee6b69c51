#pragma once

#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/format.h"
#include "oko/formats/heads.h"
#include "oko/graph/network.h"

namespace oko::formats {

struct OnnxReadOptions {
  int width = 0, height = 0;  // of the input, if the file does not fix them
};

// Reads an ONNX model (opset 7 and newer) of the operations that a YOLO network is made of; see
// docs/formats/onnx.md. Post-processing that no layer reads is dropped, and the tensors before it
// become the outputs; `notes` name the first dropped node. Batch norm stays as it is in the file.
// Throws input Errors whose place is "name: node (operation)". Memory is bounded by a few times the
// file's size.
Imported read_onnx(const Bytes& file, const std::string& name, const OnnxReadOptions& options = {});

// One file "<stem>.onnx": opset 13, IR version 7, what every runtime since the end of 2020 loads.
// Input "image" [1, channels, height, width] float32, 0…1; outputs the raw heads [1, c, h, w],
// named by output_names(), or boxes. Nodes have their layers' names, so that read_onnx() gives back
// inference_form(network). Throws an input Error for a network without weights, and a usage Error
// for boxes of a network without heads or thresholds that make no sense.
//
// Float16: kernels, each cast to float32 by a node: half the file size, the same arithmetic,
// loadable by any runtime. Boxes: decoding and NonMaxSuppression inside; outputs, best score first:
// "boxes" [n, 4] float32 left, top, right, bottom in pixels of the network's input, not clipped;
// "scores" [n] float32, objectness × class; "classes" [n] int32. A class of a box is listed when
// its score is above thresholds.score.
std::vector<File> write_onnx(const graph::Network& network, const WriteOptions& options,
                             const std::string& stem);

// What a program needs to know to run a file and inspect it.
struct OnnxSignature {
  struct Map {
    std::string layer, name;
  };
  std::string input;  // its name
  graph::Shape shape;
  std::vector<std::string> outputs;
  std::vector<Map> layers;  // the tensor after each layer's last node
  bool in_bytes = false;    // it quantizes what layers pass to each other
};
OnnxSignature onnx_signature(const Bytes& file, const std::string& name);

// The part of a model that computes these tensors from one image of this shape, channels-first, as
// a separate model with the tensors as outputs in this order: for programs that run what
// read_onnx() read. Throws input Errors as read_onnx() does.
std::vector<std::byte> onnx_part(const Bytes& file, const std::string& name,
                                 const graph::Shape& input,
                                 const std::vector<std::string>& outputs);

// The same model with more of its tensors (none of which is an output yet) as outputs, of
// unspecified shape; or, for programs that need it (OpenCV), with four dimensions.
std::vector<std::byte> with_onnx_outputs(const Bytes& file, const std::vector<std::string>& maps,
                                         bool four_sides = false);

// The same model with the zeros that average pools count as pixels (count_include_pad) added by
// nodes of their own, for programs that do not count them (OpenCV).
std::vector<std::byte> with_onnx_padding_apart(const Bytes& file, const std::string& name);

}  // namespace oko::formats
