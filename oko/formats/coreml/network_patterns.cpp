#include "oko/formats/coreml/network_patterns.h"

#include <algorithm>
#include <array>

#include "oko/formats/decisions.h"

namespace oko::formats::coreml {
namespace {

using graph::Activation;

constexpr std::int64_t kMostSide = 1 << 24;

bool is_line(const FileLayer& layer, float alpha, float beta) {
  if (activation_kind(layer) != kLinear) return false;
  const Message line = layer.settings.message(kLinear);
  return line.real(ActivationLine::kAlpha) == alpha && line.real(ActivationLine::kBeta) == beta;
}

bool is_hard_sigmoid(const FileLayer& layer) {
  if (activation_kind(layer) != kSigmoidHard) return false;
  const Message line = layer.settings.message(kSigmoidHard);
  const auto decision =
      decide::hard_sigmoid(line.real(ActivationLine::kAlpha), line.real(ActivationLine::kBeta));
  return std::holds_alternative<Activation>(decision);
}

// Exchanges channels and rows.
bool is_exchange(const FileLayer& layer) {
  return layer.kind == kPermute && layer.settings.integers(PermuteLayerParams::kAxis) ==
                                       std::vector<std::int64_t>{0, 2, 1, 3};
}

struct Range {
  std::int64_t begin = 0, end = 0;
};
std::optional<Range> range_of(const FileLayer& layer, SliceAxis axis) {
  using Params = SliceLayerParams;
  if (layer.kind != kSlice || layer.inputs.size() != 1 ||
      layer.settings.integer(Params::kAxis) != static_cast<std::uint64_t>(axis) ||
      layer.settings.integer(Params::kStride, 1) != 1) {
    return {};
  }
  return Range{static_cast<std::int64_t>(layer.settings.integer(Params::kStartIndex)),
               static_cast<std::int64_t>(layer.settings.integer(Params::kEndIndex))};
}

bool is_product(const FileLayer& layer, bool turn_first, bool turn_second) {
  using Params = BatchedMatMulLayerParams;
  return layer.kind == kBatchedMatMul && layer.inputs.size() == 2 &&
         layer.settings.flag(Params::kTransposeA) == turn_first &&
         layer.settings.flag(Params::kTransposeB) == turn_second;
}

}  // namespace

std::uint32_t activation_kind(const FileLayer& layer) {
  std::uint32_t kind = 0;
  if (layer.kind != kActivation) return kind;
  layer.settings.for_each([&](const Field& field) { kind = field.number; });
  return kind;
}

std::optional<graph::Shape> reshaped_to(const FileLayer& layer) {
  if (layer.kind != kReshape || layer.inputs.size() != 1 ||
      layer.settings.integer(ReshapeLayerParams::kMode) != kChannelFirst) {
    return {};
  }
  std::vector<std::int64_t> sides = layer.settings.integers(ReshapeLayerParams::kTargetShape);
  if (sides.size() == 4 && sides[0] == 1) sides.erase(sides.begin());
  const auto fits = [](std::int64_t side) { return side >= 1 && side <= kMostSide; };
  if (sides.size() != 3 || !std::ranges::all_of(sides, fits)) return {};
  return graph::Shape{static_cast<int>(sides[0]), static_cast<int>(sides[1]),
                      static_cast<int>(sides[2])};
}

int block_of(const FileLayer& layer) {
  using Params = ReorganizeDataLayerParams;
  constexpr std::uint64_t kMostBlock = 1024;
  if (layer.kind != kReorganizeData || layer.inputs.size() != 1 ||
      layer.settings.integer(Params::kMode) != kSpaceToDepth) {
    return 0;
  }
  const std::uint64_t block = layer.settings.integer(Params::kBlockSize);
  return block <= kMostBlock ? static_cast<int>(block) : 0;
}

PatternFinder::PatternFinder(const std::vector<FileLayer>& layers,
                             const std::vector<std::string>& outputs) {
  for (const FileLayer& layer : layers) {
    for (const std::string& map : layer.outputs) makers_[map] = &layer;
    for (const std::string& map : layer.inputs) ++readers_[map];
  }
  for (const std::string& map : outputs) ++readers_[map];
}

// The layer that produces a tensor with `readers` readers; null if there is none.
const FileLayer* PatternFinder::maker(const std::string& map, int readers) const {
  const auto found = makers_.find(map);
  if (found == makers_.end() || readers_.find(map)->second != readers) return nullptr;
  return found->second;
}
const FileLayer* PatternFinder::maker(const std::string& map, std::uint32_t kind,
                                      int readers) const {
  const FileLayer* found = maker(map, readers);
  return found != nullptr && found->kind == kind && !found->inputs.empty() ? found : nullptr;
}

std::optional<Pattern> PatternFinder::ending_with(const FileLayer& last) const {
  if (auto found = gated(last)) return found;
  if (auto found = relu6(last)) return found;
  if (auto found = shuffle(last)) return found;
  if (auto found = darknet_squares(last)) return found;
  if (auto found = columns_of_squares(last)) return found;
  return attention(last);
}

// x · sigmoid(x), x · tanh(softplus(x)) and x · hard_sigmoid(x), in either order.
std::optional<Pattern> PatternFinder::gated(const FileLayer& last) const {
  if (last.kind != kMultiply || last.inputs.size() != 2) return {};
  for (const int gate : {0, 1}) {
    const std::string& input = last.inputs[gate == 0 ? 1 : 0];
    const FileLayer* first = maker(last.inputs[gate], kActivation);
    if (first == nullptr || first->inputs.size() != 1) continue;
    if (first->inputs[0] == input) {
      if (activation_kind(*first) == kSigmoid) return Pattern{Activation::kSwish, input, {first}};
      if (is_hard_sigmoid(*first)) return Pattern{Activation::kHardSwish, input, {first}};
    }
    if (activation_kind(*first) != kTanh) continue;
    const FileLayer* softplus = maker(first->inputs[0], kActivation);
    if (softplus == nullptr || activation_kind(*softplus) != kSoftplus ||
        softplus->inputs != std::vector{input}) {
      continue;
    }
    return Pattern{Activation::kMish, input, {first, softplus}};
  }
  return {};
}

// min(relu(x), 6) as −max(−relu(x), −6).
std::optional<Pattern> PatternFinder::relu6(const FileLayer& last) const {
  using Unary = UnaryFunctionLayerParams;
  if (!is_line(last, -1, 0) || last.inputs.size() != 1) return {};
  const FileLayer* least = maker(last.inputs[0], kUnary);
  if (least == nullptr || least->settings.integer(Unary::kType) != kThreshold ||
      least->settings.real(Unary::kAlpha) != -6 || least->settings.real(Unary::kShift) != 0 ||
      least->settings.real(Unary::kScale, 1) != -1) {
    return {};
  }
  const FileLayer* relu = maker(least->inputs[0], kActivation);
  if (relu == nullptr || activation_kind(*relu) != kRelu) return {};
  return Pattern{Activation::kRelu6, relu->inputs[0], {least, relu}};
}

// Channels as groups x parts, exchanged. After a move of pixels to channels in as many groups it is
// another order of those.
std::optional<Pattern> PatternFinder::shuffle(const FileLayer& last) const {
  const auto whole = reshaped_to(last);
  if (!whole) return {};
  const FileLayer* exchange = maker(last.inputs[0]);
  if (exchange == nullptr || !is_exchange(*exchange)) return {};
  const FileLayer* group = maker(exchange->inputs[0]);
  const auto groups = group != nullptr ? reshaped_to(*group) : std::nullopt;
  if (!groups || std::int64_t{groups->channels} * groups->height != whole->channels ||
      groups->width != std::int64_t{whole->height} * whole->width) {
    return {};
  }
  const FileLayer* before = maker(group->inputs[0]);
  const int block = before != nullptr ? block_of(*before) : 0;
  if (block > 1 && block * block == groups->channels) {
    return Pattern{graph::SpaceToDepth{block, graph::SpaceToDepth::Order::kChannels},
                   before->inputs[0],
                   {exchange, group, before}};
  }
  return Pattern{graph::Shuffle{groups->channels}, group->inputs[0], {exchange, group}};
}

// A move of pixels to channels in a map that is seen as one of fewer, larger channels.
std::optional<Pattern> PatternFinder::darknet_squares(const FileLayer& last) const {
  const auto whole = reshaped_to(last);
  if (!whole) return {};
  const FileLayer* move = maker(last.inputs[0]);
  const int block = move != nullptr ? block_of(*move) : 0;
  if (block < 2) return {};
  const FileLayer* view = maker(move->inputs[0]);
  const auto seen = view != nullptr ? reshaped_to(*view) : std::nullopt;
  const std::int64_t square = std::int64_t{block} * block;
  if (!seen || seen->channels * square * square != whole->channels ||
      seen->height != whole->height * square || seen->width != whole->width * square) {
    return {};
  }
  return Pattern{graph::SpaceToDepth{block, graph::SpaceToDepth::Order::kDarknet},
                 view->inputs[0],
                 {move, view}};
}

// Its blocks, column after column.
std::optional<Pattern> PatternFinder::columns_of_squares(const FileLayer& last) const {
  if (last.kind != kConcat || last.inputs.size() < 4) return {};
  const auto square = static_cast<int>(last.inputs.size());
  Pattern found;
  const FileLayer* move = nullptr;
  int block = 0;
  std::int64_t channels = 0;
  for (int i = 0; i < square; ++i) {
    const FileLayer* part = maker(last.inputs[static_cast<std::size_t>(i)]);
    const auto range = part != nullptr ? range_of(*part, kChannelAxis) : std::nullopt;
    if (!range) return {};
    if (i == 0) {
      move = maker(part->inputs[0], square);
      block = move != nullptr ? block_of(*move) : 0;
      channels = range->end;
      if (block < 2 || block * block != square) return {};
      found.parts.push_back(move);
    }
    const std::int64_t begin = (i % block * block + i / block) * channels;
    if (part->inputs[0] != move->outputs[0] || range->begin != begin ||
        range->end != begin + channels) {
      return {};
    }
    found.parts.push_back(part);
  }
  found.made = graph::SpaceToDepth{block, graph::SpaceToDepth::Order::kColumns};
  found.input = move->inputs[0];
  return found;
}

// Values times the transposed softmax of scale · (transposed queries times keys), of heads x
// channels x pixels.
std::optional<Pattern> PatternFinder::attention(const FileLayer& last) const {
  if (!reshaped_to(last)) return {};
  const FileLayer* sums = maker(last.inputs[0]);
  if (sums == nullptr || !is_product(*sums, false, true)) return {};
  const FileLayer* shares = maker(sums->inputs[1], kSoftmaxNd);
  if (shares == nullptr ||
      shares->settings.integer(SoftmaxNDLayerParams::kAxis) != static_cast<std::uint64_t>(-1)) {
    return {};
  }
  const FileLayer* scaled = maker(shares->inputs[0], kActivation);
  if (scaled == nullptr) return {};
  const Message line = scaled->settings.message(kLinear);
  const float scale = line.real(ActivationLine::kAlpha);
  const FileLayer* dots = maker(scaled->inputs[0]);
  if (!is_line(*scaled, scale, 0) || dots == nullptr || !is_product(*dots, true, false)) return {};
  const FileLayer *query = maker(dots->inputs[0]), *key = maker(dots->inputs[1]),
                  *value = maker(sums->inputs[0]);
  std::array<Range, 3> ranges;
  for (std::size_t i = 0; i < 3; ++i) {
    const FileLayer* part = std::array{query, key, value}[i];
    const auto range = part != nullptr ? range_of(*part, kHeightAxis) : std::nullopt;
    if (!range || part->inputs[0] != query->inputs[0]) return {};
    ranges[i] = *range;
  }
  const FileLayer* heads = maker(query->inputs[0], 3);
  const auto shape = heads != nullptr ? reshaped_to(*heads) : std::nullopt;
  const std::int64_t keys = ranges[0].end;
  if (!shape || ranges[0].begin != 0 || keys < 1 || ranges[1].begin != keys ||
      ranges[1].end != 2 * keys || ranges[2].begin != 2 * keys || ranges[2].end != shape->height) {
    return {};
  }
  return Pattern{graph::Attention{shape->channels, static_cast<int>(keys), scale},
                 heads->inputs[0],
                 {sums, shares, scaled, dots, query, key, value, heads}};
}

}  // namespace oko::formats::coreml
