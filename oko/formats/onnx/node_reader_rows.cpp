#include <numeric>

#include "oko/base/error.h"
#include "oko/formats/onnx/node_reader.h"
#include "oko/formats/tensor_order.h"

// Reshaping operations and dense layers.
namespace oko::formats {

using graph::Shape;
using graph::Tensor;
using Sides = std::vector<std::int64_t>;

void NodeReader::flatten(const OnnxNode& node, const std::string& from) {
  const auto last = channels_last_.find(from);
  const bool turned = last != channels_last_.end();
  builder_.flatten(node.id, turned ? last->second : from, node.outputs[0], turned);
  rows_.insert(node.outputs[0]);
}

// To groups × parts of the channels, rows and columns, together or not.
bool NodeReader::group_channels(const OnnxNode& node, const std::string& from, const Sides& to) {
  if (!builder_.has(from) || rows_.contains(from) || (to.size() != 4 && to.size() != 5)) {
    return false;
  }
  const Shape& in = builder_.shape(node.id, from);
  const Sides pixels =
      to.size() == 5 ? Sides{in.height, in.width} : Sides{std::int64_t{in.height} * in.width};
  if (to[0] != 1 || to[1] * to[2] != in.channels ||
      !std::equal(pixels.begin(), pixels.end(), to.begin() + 3)) {
    return false;
  }
  grouped_[node.outputs[0]] = {from, static_cast<int>(to[1]), false};
  return true;
}

// Back to one dimension of channels.
bool NodeReader::ungroup_channels(const OnnxNode& node) {
  const auto found = node.has_input(0) ? grouped_.find(node.inputs[0]) : grouped_.end();
  if (found == grouped_.end()) return false;
  const Grouped& grouped = found->second;
  const Shape& s = builder_.shape(node.id, grouped.from);
  Sides to = node.integers("shape");
  if (constant_input(node, 1)) to = constants_.integers(node, 1);
  const Sides whole{1, s.channels, s.height, s.width};
  bool fits = to.size() == whole.size() && std::ranges::count(to, -1) <= 1;
  for (std::size_t i = 0; fits && i < to.size(); ++i) fits = to[i] == -1 || to[i] == whole[i];
  if (!fits) fail(node, "reshapes grouped channels to " + graph::to_string(to));
  builder_.shuffle(node.id, grouped.from, node.outputs[0], grouped.exchanged ? grouped.groups : 1);
  return true;
}

// To sides that are a multiple, which the channels pay for.
bool NodeReader::see_larger(const OnnxNode& node, const std::string& from, const Sides& to) {
  if (!builder_.has(from) || rows_.contains(from) || to.size() != 4) return false;
  const Shape& in = builder_.shape(node.id, from);
  const std::int64_t block = to[2] / in.height;
  if (block < 2 ||
      to != Sides{1, in.channels / (block * block), in.height * block, in.width * block}) {
    return false;
  }
  larger_[node.outputs[0]] = {from, static_cast<int>(block)};
  return true;
}

// The squares of such a map as channels, seen as the input's move of squares would be.
bool NodeReader::see_squares(const OnnxNode& node) {
  const auto found = node.has_input(0) ? larger_.find(node.inputs[0]) : larger_.end();
  if (found == larger_.end() || !found->second.is_moved) return false;
  const Larger& larger = found->second;
  const Shape& in = builder_.shape(node.id, larger.from);
  const std::int64_t block = larger.block;
  Sides to = node.integers("shape");
  if (constant_input(node, 1)) to = constants_.integers(node, 1);
  if (to != Sides{1, in.channels * block * block, in.height / block, in.width / block}) {
    fail(node, "reshapes squares of pixels to " + graph::to_string(to));
  }
  builder_.space_to_depth(node.id, larger.from, node.outputs[0],
                          {larger.block, graph::SpaceToDepth::Order::kDarknet});
  return true;
}

// To pairs of channels, or of their halves back to maps.
bool NodeReader::pair_channels(const OnnxNode& node, const Sides& to) {
  if (!node.has_input(0)) return false;
  const std::string& name = node.inputs[0];
  const auto before = paired_.find(name);
  const bool halves = before != paired_.end() && before->second.stage == Paired::Stage::kHalves;
  if (!halves && (!builder_.has(name) || rows_.contains(name))) return false;
  const std::string from = halves ? before->second.from : name;
  const Shape& in = builder_.shape(node.id, from);
  const std::int64_t half = in.channels / 2, pixels = std::int64_t{in.height} * in.width;
  if (in.channels % 2 != 0) return false;
  if (!halves && to == Sides{half, 2, pixels}) {
    paired_[node.outputs[0]] = {from};
    return true;
  }
  const bool open = to.size() == 5 && (to[1] == -1 || to[1] == 1);
  if (!halves || !open || to[0] != 2 || to[2] != half || to[3] != in.height || to[4] != in.width) {
    return false;
  }
  Paired maps{from, Paired::Stage::kMaps, node.outputs[0] + ".shuffled"};
  for (int i = 0; i < 2; ++i) builder_.use(maps.shuffled);
  builder_.shuffle(node.id, from, maps.shuffled, static_cast<int>(half));
  paired_[node.outputs[0]] = maps;
  return true;
}

bool NodeReader::turn_pairs(const OnnxNode& node, const Sides& order) {
  const auto found = node.has_input(0) ? paired_.find(node.inputs[0]) : paired_.end();
  if (found == paired_.end() || order != Sides{1, 0, 2}) return false;
  if (found->second.stage != Paired::Stage::kPairs) return false;
  Paired halves = found->second;
  halves.stage = Paired::Stage::kHalves;
  paired_[node.outputs[0]] = halves;
  return true;
}

void NodeReader::gather(const OnnxNode& node) {
  const auto found = node.has_input(0) ? paired_.find(node.inputs[0]) : paired_.end();
  const bool fits = found != paired_.end() && found->second.stage == Paired::Stage::kMaps &&
                    node.integer("axis", 0) == 0 && constant_input(node, 1);
  const Sides index = fits ? constants_.integers(node, 1) : Sides();
  if (index.size() != 1 || index[0] < 0 || index[0] > 1) {
    fail(node, "this operation is not supported here");
  }
  const std::string& from = found->second.shuffled;
  const int half = builder_.shape(node.id, from).channels / 2;
  builder_.slice(node.id, from, node.outputs[0], index[0] * half, half);
}

void NodeReader::space_to_depth(const OnnxNode& node) {
  const std::int64_t block = node.integer("blocksize", 0);
  if (block < 1 || block > 1024) fail(node, "blocksize is not in 1…1024");
  const auto larger = node.has_input(0) ? larger_.find(node.inputs[0]) : larger_.end();
  if (larger != larger_.end() && !larger->second.is_moved && larger->second.block == block) {
    Larger moved = larger->second;
    moved.is_moved = true;
    larger_[node.outputs[0]] = moved;
    return;
  }
  builder_.space_to_depth(node.id, map_input(node), node.outputs[0], {static_cast<int>(block)});
}

// Every step-th row or column of a map, or of one of which that was taken already.
bool NodeReader::take_pixels(const OnnxNode& node, const Sides& begins, const Sides& ends,
                             const Sides& axes, const Sides& steps) {
  if (steps.empty() || std::ranges::all_of(steps, [](std::int64_t step) { return step == 1; })) {
    return false;
  }
  const auto before = node.has_input(0) ? spaced_.find(node.inputs[0]) : spaced_.end();
  SpacedPixels spaced;
  if (before != spaced_.end()) {
    spaced = before->second;
  } else {
    spaced.from = map_input(node);
    if (rows_.contains(spaced.from)) fail(node, "takes every other value of a vector");
  }
  const Shape& in = builder_.shape(node.id, spaced.from);
  if (axes.size() != begins.size() || ends.size() != begins.size() ||
      steps.size() != begins.size()) {
    fail(node, "its begins, ends, axes and steps are not as many");
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t axis = axes[i] < 0 ? axes[i] + 4 : axes[i];
    const bool fits = (axis == 2 || axis == 3) &&
                      spaced.take(static_cast<std::size_t>(axis - 2), begins[i], ends[i], steps[i],
                                  axis == 2 ? in.height : in.width);
    if (!fits) fail(node, "slices along something other than channels");
  }
  spaced_[node.outputs[0]] = spaced;
  return true;
}

// The concatenation of all pixels of squares.
bool NodeReader::join_pixels(const OnnxNode& node) {
  std::vector<SpacedPixels> parts;
  for (const std::string& input : node.inputs) {
    const auto found = spaced_.find(input);
    if (found == spaced_.end()) return false;
    parts.push_back(found->second);
  }
  const auto squares = squares_of(parts);
  if (!squares || node.integer("axis", 0) != 1) return false;
  builder_.space_to_depth(node.id, parts[0].from, node.outputs[0], *squares);
  return true;
}

void NodeReader::reshape(const OnnxNode& node) {
  if (ungroup_channels(node) || see_squares(node)) return;
  if (constant_input(node, 1) && pair_channels(node, constants_.integers(node, 1))) return;
  if (!node.has_input(0) || !is_map(node.inputs[0])) map_input(node);
  const std::string& from = node.inputs[0];
  const Sides before = file_shape(node, from);
  const std::int64_t count =
      std::accumulate(before.begin(), before.end(), std::int64_t{1}, std::multiplies<>());
  Sides to = node.integers("shape");
  if (node.id.kind == "Flatten") {
    if (node.integer("axis", 1) != 1) fail(node, "flattens the batch as well");
    to = {1, -1};
  } else if (constant_input(node, 1)) {
    to = constants_.integers(node, 1);
  } else if (to.empty()) {
    fail(node, "its shape is not constant", "export the model with constants folded");
  }
  std::int64_t known = 1, open = 0;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i] == 0 && i < before.size()) to[i] = before[i];
    if (to[i] == -1) {
      ++open;
    } else if (to[i] < 1 || to[i] > count || (known *= to[i]) > count) {
      fail(node, "the shape " + graph::to_string(to) + " does not fit " + graph::to_string(before));
    }
  }
  for (std::int64_t& side : to) side = side == -1 && open == 1 ? count / known : side;
  if (to == before) return identity(node);
  if (to == Sides{1, count}) return flatten(node, from);
  if (rows_.contains(from) && to == Sides{1, count, 1, 1} && !is_only_a_view(from)) {
    return builder_.identity(node.id, from, node.outputs[0]);
  }
  if (group_channels(node, from, to) || see_larger(node, from, to)) return;
  fail(node, "reshapes a tensor to " + graph::to_string(to) + ", which is not supported");
}

void NodeReader::squeeze(const OnnxNode& node) {
  const std::string& from = map_input(node);
  const Shape& in = builder_.shape(node.id, from);
  if (rows_.contains(from) || in.height * in.width != 1 || axes(node, 1) != Sides{2, 3}) {
    fail(node, "squeezes dimensions other than rows and columns of size 1");
  }
  flatten(node, from);
}

void NodeReader::transpose(const OnnxNode& node) {
  const Sides order = node.integers("perm");
  if (turn_pairs(node, order)) return;
  const auto last = node.has_input(0) ? channels_last_.find(node.inputs[0]) : channels_last_.end();
  if (last != channels_last_.end() && order == Sides{0, 3, 1, 2}) {
    return builder_.identity(node.id, last->second, node.outputs[0]);
  }
  const auto grouped = node.has_input(0) ? grouped_.find(node.inputs[0]) : grouped_.end();
  if (grouped != grouped_.end() && (order == Sides{0, 2, 1, 3, 4} || order == Sides{0, 2, 1, 3})) {
    Grouped exchanged = grouped->second;
    exchanged.exchanged = !exchanged.exchanged;
    grouped_[node.outputs[0]] = exchanged;
    return;
  }
  const std::string& from = map_input(node);
  if (order != Sides{0, 2, 3, 1} || rows_.contains(from)) {
    fail(node, "permutes dimensions, which is not supported");
  }
  channels_last_[node.outputs[0]] = from;
}

void NodeReader::dense(const OnnxNode& node) {
  const std::string& from = map_input(node);
  if (!rows_.contains(from)) fail(node, "multiplies a tensor that is not flattened");
  Tensor kernel = weight(node, 1, "the matrix");
  if (kernel.shape.size() != 2) {
    fail(node, "the matrix has the shape " + graph::to_string(kernel.shape));
  }
  const bool gemm = node.id.kind == "Gemm";
  if (gemm && (node.integer("transA", 0) != 0 || node.number("alpha", 1) != 1 ||
               (node.has_input(2) && node.number("beta", 1) != 1))) {
    fail(node, "its alpha, beta or transA differ from the defaults");
  }
  if (!gemm || node.integer("transB", 0) == 0) kernel = permuted(kernel, {1, 0});
  const std::int64_t outputs = kernel.shape[0];
  Tensor bias;
  if (gemm && node.has_input(2)) {
    bias = weight(node, 2, "the bias");
    const bool row = bias.shape == Sides{outputs} || bias.shape == Sides{1, outputs};
    if (!row) fail(node, "the bias has the shape " + graph::to_string(bias.shape));
    bias.shape = {outputs};
  }
  builder_.dense(node.id, from, node.outputs[0], std::move(kernel), std::move(bias));
  rows_.insert(node.outputs[0]);
}

void NodeReader::softmax(const OnnxNode& node) {
  const std::string& from = map_input(node);
  const std::int64_t axis = node.integer("axis", opset_ < 13 ? 1 : -1);
  if (axis != 1 && !(axis == -1 && rows_.contains(from)) && axis != -3) {
    fail(node, "softmax along axis " + std::to_string(axis) + "; oko supports only channels");
  }
  builder_.softmax(node.id, from, node.outputs[0]);
  keep_form(from, node.outputs[0]);
}

}  // namespace oko::formats
