#include "oko/base/error.h"
#include "oko/formats/onnx/node_reader.h"

// Self-attention among pixels, which exporters write as ten nodes: the channels of queries, keys
// and values are cut, multiplied, and come back as a map.
namespace oko::formats {

using Sides = std::vector<std::int64_t>;

const NodeReader::Attending* NodeReader::attending(const OnnxNode& node, std::size_t input) const {
  const auto found = node.has_input(input) ? attending_.find(node.inputs[input]) : attending_.end();
  return found == attending_.end() ? nullptr : &found->second;
}

// Whether the node is a step of attention; then it is read.
bool NodeReader::attention(const OnnxNode& node, const std::set<std::string, std::less<>>& wanted) {
  const std::string& kind = node.id.kind;
  if (kind == "Split") return cut_heads(node, wanted);
  if (kind == "MatMul") return multiply_heads(node);
  const Attending* from = attending(node, 0);
  if (kind == "Mul" || kind == "Div") return scale_dots(node);
  if (from == nullptr) return false;
  if (kind == "Reshape") return join_heads(node, *from);
  Attending to = *from;
  if (kind == "Transpose" && node.integers("perm") == Sides{0, 1, 3, 2}) {
    to.turned = !to.turned;
  } else if (kind == "Softmax" && from->stage == Attending::Stage::kDots && !from->turned &&
             (node.integer("axis", opset_ < 13 ? 1 : -1) == -1 || node.integer("axis", 0) == 3)) {
    to.stage = Attending::Stage::kShares;
  } else {
    return false;
  }
  attending_[node.outputs[0]] = to;
  return true;
}

// Cuts the channels of every head.
bool NodeReader::cut_heads(const OnnxNode& node, const std::set<std::string, std::less<>>& wanted) {
  const auto found = node.has_input(0) ? grouped_.find(node.inputs[0]) : grouped_.end();
  if (found == grouped_.end() || found->second.exchanged || node.integer("axis", 0) != 2) {
    return false;
  }
  const Grouped& grouped = found->second;
  const int channels = builder_.shape(node.id, grouped.from).channels / grouped.groups;
  Sides sizes = node.integers("split");
  if (constant_input(node, 1)) sizes = constants_.integers(node, 1);
  if (sizes.empty()) sizes.assign(node.outputs.size(), channels / std::ssize(node.outputs));
  std::int64_t first = 0;
  if (sizes.size() != node.outputs.size()) return false;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 1 || sizes[i] > channels - first) return false;
    if (wanted.contains(node.outputs[i])) {
      attending_[node.outputs[i]] = {.from = grouped.from,
                                     .heads = grouped.groups,
                                     .first = static_cast<int>(first),
                                     .count = static_cast<int>(sizes[i])};
    }
    first += sizes[i];
  }
  return true;
}

// Queries times keys, or values times shares.
bool NodeReader::multiply_heads(const OnnxNode& node) {
  using Stage = Attending::Stage;
  const Attending *a = attending(node, 0), *b = attending(node, 1);
  if (a == nullptr || b == nullptr || a->from != b->from || a->heads != b->heads) return false;
  Attending to = *a;
  if (a->stage == Stage::kPart && a->turned && b->stage == Stage::kPart && !b->turned &&
      a->first == 0 && b->first == a->count && b->count == a->count) {
    to.stage = Stage::kDots;
    to.turned = false;
    to.scale = a->scale * b->scale;
    to.keys = a->count;
  } else if (a->stage == Stage::kPart && !a->turned && b->stage == Stage::kShares && b->turned &&
             a->first == 2 * b->keys && a->scale == 1) {
    to.stage = Stage::kSums;
    to.keys = b->keys;
    to.scale = b->scale;
  } else {
    return false;
  }
  attending_[node.outputs[0]] = to;
  return true;
}

// Of the products, or of queries or keys before them.
bool NodeReader::scale_dots(const OnnxNode& node) {
  const std::size_t map = attending(node, 0) != nullptr ? 0 : 1;
  const Attending* from = attending(node, map);
  const bool fits = from != nullptr && (from->stage == Attending::Stage::kDots ||
                                        from->stage == Attending::Stage::kPart);
  if (!fits || node.inputs.size() != 2 || !constant_input(node, 1 - map) ||
      (map == 1 && node.id.kind == "Div")) {
    return false;
  }
  const graph::Tensor factor = weight(node, 1 - map, "the scale");
  if (factor.count() != 1) return false;
  Attending to = *from;
  const float value = factor.floats()[0];
  to.scale *= node.id.kind == "Mul" ? value : 1 / value;
  attending_[node.outputs[0]] = to;
  return true;
}

// Back to a map: of the sums, or of the values, which also go another way.
bool NodeReader::join_heads(const OnnxNode& node, const Attending& from) {
  const graph::Shape& in = builder_.shape(node.id, from.from);
  const std::int64_t channels = std::int64_t{from.heads} * from.count;
  Sides to = node.integers("shape");
  if (constant_input(node, 1)) to = constants_.integers(node, 1);
  const Sides whole{1, channels, in.height, in.width};
  const bool scaled = from.stage == Attending::Stage::kPart && from.scale != 1;
  bool fits =
      to.size() == whole.size() && std::ranges::count(to, -1) <= 1 && !from.turned && !scaled;
  for (std::size_t i = 0; fits && i < to.size(); ++i) fits = to[i] == -1 || to[i] == whole[i];
  if (!fits) return false;
  const int each = in.channels / from.heads;
  if (from.stage == Attending::Stage::kSums) {
    if (from.first + from.count != each) return false;
    builder_.attention(node.id, from.from, node.outputs[0], {from.heads, from.keys, from.scale});
    return true;
  }
  if (from.stage != Attending::Stage::kPart) return false;
  std::vector<std::string> parts;
  for (int head = 0; head < from.heads; ++head) {
    const bool alone = from.heads == 1;
    parts.push_back(alone ? node.outputs[0] : node.outputs[0] + ".head" + std::to_string(head));
    builder_.use(parts.back());
    builder_.slice(node.id, from.from, parts.back(), std::int64_t{head} * each + from.first,
                   from.count);
  }
  if (parts.size() > 1) builder_.concat(node.id, parts, node.outputs[0]);
  return true;
}

}  // namespace oko::formats
