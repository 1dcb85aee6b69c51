#include <algorithm>
#include <cmath>

#include "oko/base/error.h"
#include "oko/formats/onnx/node_reader.h"

// Convolution, batch norm, pools, padding and upsampling.
namespace oko::formats {

using graph::Padding;
using graph::Shape;
using graph::Tensor;

// An attribute with two equal values.
int NodeReader::square(const OnnxNode& node, const char* attribute, int otherwise) const {
  const std::vector<std::int64_t> sides = node.integers(attribute);
  if (sides.empty()) return otherwise;
  if (sides.size() != 2 || sides[0] != sides[1]) {
    fail(node,
         std::string(attribute) + " is " + graph::to_string(sides) + "; oko needs two equal values",
         "use square kernels and strides");
  }
  if (sides[0] < 1 || sides[0] > 1024) {
    fail(node, std::string(attribute) + " " + std::to_string(sides[0]) + " is not in 1…1024");
  }
  return static_cast<int>(sides[0]);
}

Padding NodeReader::padding(const OnnxNode& node, const std::vector<std::int64_t>& pads) const {
  if (pads.size() != 4) {
    fail(node, "pads is " + graph::to_string(pads) + "; expected four values");
  }
  for (const std::int64_t side : pads) {
    if (side < 0 || side > 1024) {
      fail(node, "padding " + std::to_string(side) + " is not in 0…1024");
    }
  }
  const auto at = [&](std::size_t i) { return static_cast<int>(pads[i]); };
  return {at(0), at(1), at(2), at(3)};
}

NodeReader::Window NodeReader::window(const OnnxNode& node, const std::string& from,
                                      int size) const {
  Window window{square(node, "kernel_shape", size),
                square(node, "strides", 1),
                square(node, "dilations", 1),
                {}};
  if (window.dilation != 1 && node.id.kind != "Conv") {
    fail(node, "it is dilated, which oko supports only for convolutions");
  }
  const std::string automatic = node.text("auto_pad", "NOTSET");
  if (automatic == "NOTSET") {
    const std::vector<std::int64_t> pads = node.integers("pads");
    if (!pads.empty()) window.padding = padding(node, pads);
  } else if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    const int reach = (window.size - 1) * window.dilation + 1;
    window.padding = same_padding(builder_.padded_shape(node.id, from), reach, window.stride,
                                  automatic == "SAME_UPPER" ? OddPixel::kEnd : OddPixel::kStart);
  } else if (automatic != "VALID") {
    fail(node, "unknown auto_pad \"" + automatic + "\"");
  }
  return window;
}

void NodeReader::convolution(const OnnxNode& node) {
  const std::string& from = map_input(node);
  Tensor kernel = weight(node, 1, "the kernel");
  if (kernel.shape.size() != 4) {
    fail(node, "the kernel is " + graph::to_string(kernel.shape) +
                   "; expected four dimensions: out, in, height, width");
  }
  if (kernel.shape[2] != kernel.shape[3] || kernel.shape[2] < 1 || kernel.shape[2] > 1024) {
    fail(node,
         "the kernel is " + std::to_string(kernel.shape[2]) + "x" +
             std::to_string(kernel.shape[3]) + "; oko needs square ones",
         "use square kernels");
  }
  const std::int64_t groups = node.integer("group", 1);
  if (groups < 1 || groups > (1 << 20) || kernel.shape[0] < 1 || kernel.shape[0] > (1 << 20)) {
    fail(node, std::to_string(groups) + " groups or " + std::to_string(kernel.shape[0]) +
                   " filters are not in 1…1048576");
  }
  const Window w = window(node, from, static_cast<int>(kernel.shape[2]));
  if (w.size != kernel.shape[2]) fail(node, "kernel_shape does not match the kernel");
  Tensor bias = node.has_input(2) ? weight(node, 2, "the bias") : Tensor{};
  graph::Convolution convolution{static_cast<int>(kernel.shape[0]), w.size, w.stride,
                                 static_cast<int>(groups), w.padding};
  convolution.dilation = w.dilation;
  builder_.convolution(node.id, from, node.outputs[0], convolution, std::move(kernel),
                       std::move(bias));
}

void NodeReader::batch_norm(const OnnxNode& node) {
  const std::string& from = map_input(node);
  if (node.integer("training_mode", 0) != 0) {
    fail(node, "it is in training mode", "export the model for inference: model.eval()");
  }
  if (node.integer("spatial", 1) == 0) fail(node, "it has per-pixel statistics");
  builder_.batch_norm(node.id, from, node.outputs[0], node.number("epsilon", 1e-5F),
                      weight(node, 1, "gamma"), weight(node, 2, "beta"),
                      weight(node, 3, "the mean"), weight(node, 4, "the variance"));
  keep_form(from, node.outputs[0]);
}

// A window that would reach beyond the padded map with ceil_mode.
void NodeReader::check_ceil(const OnnxNode& node, const std::string& from, const Window& w) const {
  if (node.integer("ceil_mode", 0) == 0) return;
  const Shape& in = builder_.shape(node.id, from);
  const auto rest = [&](int side, int pads) { return (side + pads - w.size) % w.stride; };
  if (rest(in.height, w.padding.top + w.padding.bottom) != 0 ||
      rest(in.width, w.padding.left + w.padding.right) != 0) {
    fail(node, "ceil_mode enlarges its output", "use ceil_mode=False and pad instead");
  }
}

void NodeReader::max_pool(const OnnxNode& node) {
  const std::string& from = map_input(node);
  if (node.integers("kernel_shape").empty()) fail(node, "lacks kernel_shape");
  const Window w = window(node, from, 1);
  check_ceil(node, from, w);
  builder_.max_pool(node.id, from, node.outputs[0], {w.size, w.stride, w.padding});
}

void NodeReader::average_pool(const OnnxNode& node) {
  const std::string& from = map_input(node);
  if (node.id.kind == "GlobalAveragePool") {
    return builder_.average_pool(node.id, from, node.outputs[0]);
  }
  const Shape& in = builder_.shape(node.id, from);
  const std::vector<std::int64_t> size = node.integers("kernel_shape");
  if (size.empty()) fail(node, "lacks kernel_shape");
  const std::vector<std::int64_t> pads = node.integers("pads");
  const bool padded = std::ranges::any_of(pads, [](std::int64_t side) { return side != 0; });
  if (!padded && size == std::vector<std::int64_t>{in.height, in.width}) {
    return builder_.average_pool(node.id, from, node.outputs[0]);
  }
  const Window w = window(node, from, 1);
  check_ceil(node, from, w);
  builder_.average_pool(node.id, from, node.outputs[0],
                        {w.size, w.stride, w.padding, node.integer("count_include_pad", 0) != 0});
}

void NodeReader::reduce_mean(const OnnxNode& node) {
  const std::string& from = map_input(node);
  if (rows_.contains(from) || axes(node, 1) != std::vector<std::int64_t>{2, 3}) {
    fail(node, "averages over axes other than rows and columns");
  }
  builder_.average_pool(node.id, from, node.outputs[0]);
  if (node.integer("keepdims", 1) == 0) rows_.insert(node.outputs[0]);
}

// Modes in which nearest-neighbour upsampling by an integer factor repeats every pixel.
void NodeReader::check_nearest(const OnnxNode& node, double scale) const {
  if (node.id.kind == "Upsample" || opset_ < 11) return;
  const std::string place = node.text("coordinate_transformation_mode", "half_pixel");
  const std::string rounding = node.text("nearest_mode", "round_prefer_floor");
  const bool round = rounding.starts_with("round_prefer_");
  const bool same = place == "asymmetric"
                        ? rounding == "floor" || (scale == 2 && rounding == "round_prefer_floor")
                    : place == "half_pixel" || place == "pytorch_half_pixel" ? round
                    : place == "tf_half_pixel_for_nn"                        ? rounding == "floor"
                                                                             : false;
  if (!same && scale != 1) {
    fail(node, "its modes " + place + " and " + rounding + " do not repeat every pixel evenly",
         "use asymmetric and floor");
  }
}

// Where a linear Resize samples; nothing if oko does not have the mode.
std::optional<graph::Grid> NodeReader::grid_of(const OnnxNode& node) const {
  if (node.id.kind == "Upsample" || opset_ < 11) return graph::Grid::kAsymmetric;
  const std::string place = node.text("coordinate_transformation_mode", "half_pixel");
  if (place == "half_pixel" || place == "pytorch_half_pixel") return graph::Grid::kHalfPixel;
  if (place == "align_corners") return graph::Grid::kCorners;
  if (place == "asymmetric") return graph::Grid::kAsymmetric;
  return std::nullopt;
}

// The factors of rows and columns.
std::pair<double, double> NodeReader::scales(const OnnxNode& node, const std::string& from) {
  const bool three = node.id.kind == "Resize" && opset_ >= 11;  // roi comes second
  const Shape& in = builder_.shape(node.id, from);
  std::vector<float> scales;
  if (const onnx::Attribute* old = node.attribute("scales")) {
    scales.assign(old->floats().begin(), old->floats().end());
  } else if (constant_input(node, three ? 2 : 1)) {
    scales = constants_.numbers(node, three ? 2 : 1);
  }
  if (scales.size() == 4) {
    if (scales[0] != 1 || scales[1] != 1) fail(node, "scales the batch or channels");
    return {scales[2], scales[3]};
  }
  if (!three || !constant_input(node, 3)) {
    fail(node, "its scales are not constant", "export the model with constants folded");
  }
  const std::vector<std::int64_t> sizes = constants_.integers(node, 3);
  if (sizes.size() != 4 || sizes[0] != 1 || sizes[1] != in.channels) {
    fail(node, "sizes is " + graph::to_string(sizes) + " for " + graph::to_string(in));
  }
  return {static_cast<double>(sizes[2]) / in.height, static_cast<double>(sizes[3]) / in.width};
}

void NodeReader::resize(const OnnxNode& node) {
  const std::string& from = map_input(node);
  if (!node.integers("axes").empty() ||
      node.text("keep_aspect_ratio_policy", "stretch") != "stretch") {
    fail(node, "its axes or aspect policy are not supported", "give it four scales");
  }
  const auto [rows, columns] = scales(node, from);
  std::string mode = node.text("mode", "nearest");
  if (mode == "nearest") check_nearest(node, rows);
  if (mode == "linear") mode = "bilinear";
  builder_.upsample(node.id, from, node.outputs[0],
                    decide::upsample(mode, rows, columns, grid_of(node)));
}

// Those of four dimensions, of which the node names some: first all starts, then all ends.
std::vector<std::int64_t> NodeReader::all_pads(const OnnxNode& node,
                                               const std::vector<std::int64_t>& some) const {
  if (!constant_input(node, 3)) fail(node, "the dimensions that it pads are not constant");
  const std::vector<std::int64_t> axes = constants_.integers(node, 3);
  if (some.size() != 2 * axes.size()) fail(node, "has other numbers of pads and of dimensions");
  std::vector<std::int64_t> pads(8, 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t axis = axes[i] < 0 ? axes[i] + 4 : axes[i];
    if (axis < 0 || axis > 3) fail(node, "pads a dimension that does not exist");
    pads[static_cast<std::size_t>(axis)] = some[i];
    pads[static_cast<std::size_t>(axis) + 4] = some[axes.size() + i];
  }
  return pads;
}

void NodeReader::pad(const OnnxNode& node) {
  const std::string& from = map_input(node);
  const std::string mode = node.text("mode", "constant");
  if (mode != "constant") fail(node, "pads by " + mode + "; oko supports only zeros");
  std::vector<std::int64_t> pads = node.integers("pads");
  float value = node.number("value", 0);
  if (constant_input(node, 1)) {
    pads = constants_.integers(node, 1);
  } else if (node.has_input(1)) {
    fail(node, "its pads are not constant", "export the model with constants folded");
  }
  if (constant_input(node, 2)) {
    const std::vector<float> values = constants_.numbers(node, 2);
    value = values.size() == 1 ? values[0] : NAN;
  }
  if (value != 0) fail(node, "pads with a value other than 0");
  if (node.has_input(3)) pads = all_pads(node, pads);
  if (pads.size() != 8 || pads[0] != 0 || pads[4] != 0) {
    fail(node, "pads dimensions other than channels, rows and columns");
  }
  const bool of_pixels = pads[2] != 0 || pads[3] != 0 || pads[6] != 0 || pads[7] != 0;
  if (pads[1] != 0 || pads[5] != 0) {
    if (of_pixels) fail(node, "pads channels as well as rows or columns");
    return builder_.pad_channels(node.id, from, node.outputs[0], pads[1], pads[5]);
  }
  builder_.pad(node.id, from, node.outputs[0], padding(node, {pads[2], pads[3], pads[6], pads[7]}));
}

}  // namespace oko::formats
