#include <algorithm>
#include <cmath>

#include "oko/formats/moves.h"
#include "oko/formats/tflite/patterns.h"

// Layers that are written as several operators: shuffles and other moves, averages, attention.
namespace oko::formats::tflite {

namespace {

using Sides = std::vector<int>;

std::int64_t count_of(const Sides& sides) {
  constexpr std::int64_t kMost = std::int64_t{1} << 24;
  std::int64_t count = 1;
  for (const int side : sides) {
    if (side < 1) return 0;
    count = std::min(count * side, kMost);
  }
  return count;
}

}  // namespace

// Pixels that are `block` apart are the images of a batch; whole windows of these without padding.
void Patterns::find_dilation(std::size_t end) {
  const Operator& join = model_.operators()[end];
  const Operator* convolution = producer(join.inputs[0], Code::CONV_2D);
  if (convolution == nullptr) convolution = producer(join.inputs[0], Code::DEPTHWISE_CONV_2D);
  const Operator* take_apart =
      convolution == nullptr ? nullptr : producer(convolution->inputs[0], Code::SPACE_TO_BATCH_ND);
  if (take_apart == nullptr || only_reader(join.inputs[0]) != &join ||
      only_reader(convolution->inputs[0]) != convolution) {
    return;
  }
  const Sides blocks = integers(join, 1), cut = integers(join, 2), added = integers(*take_apart, 2);
  constexpr int kMost = 1024;
  const auto few = [](int n) { return n >= 0 && n <= kMost; };
  if (blocks.size() != 2 || blocks != integers(*take_apart, 1) || blocks[0] != blocks[1] ||
      blocks[0] < 1 || blocks[0] > kMost || cut.size() != 4 || added.size() != 4 ||
      !std::ranges::all_of(cut, few) || !std::ranges::all_of(added, few) || cut[0] != 0 ||
      cut[2] != 0 || cut[1] > added[1] || cut[3] > added[3]) {
    return;
  }
  take({convolution, take_apart});
  dilated_[end] = {index_of(convolution),
                   source(take_apart->inputs[0]),
                   blocks[0],
                   {added[0], added[2], added[1] - cut[1], added[3] - cut[3]}};
}

// RESHAPE, TRANSPOSE and SPACE_TO_DEPTH after each other, whatever they do in between.
void Patterns::find_moves(std::size_t start) {
  constexpr std::size_t kMostSteps = 8;
  constexpr std::int64_t kMostFollowed = std::int64_t{1} << 26;
  const Operator* op = &model_.operators()[start];
  const int from = source(op->inputs.front());
  if (parts_.contains(start)) return;
  Moves moves(model_.sides(from));
  std::vector<const Operator*> parts;
  bool exchanges = false;
  while (moves.is_valid() && parts.size() < kMostSteps &&
         (followed_ += moves.count()) < kMostFollowed) {
    bool fits = false;
    if (op->code == Code::RESHAPE) {
      fits = moves.reshape(model_.sides(op->outputs.front()));
    } else if (op->code == Code::TRANSPOSE) {
      fits = exchanges = moves.transpose(integers(*op, 1));
    } else if (op->code == Code::SPACE_TO_DEPTH) {
      const int block = model_.options<oko::tflite::SpaceToDepthOptions>(*op).block_size();
      fits = block >= 1 && moves.space_to_depth({block}, false);
    }
    if (!fits) return;
    for (const bool planar : {false, true}) {
      const auto layer = exchanges ? moves.layer(planar) : std::nullopt;
      if (!layer) continue;
      take(parts);
      made_[index_of(op)] = {*layer, from, planar};
      return;
    }
    parts.push_back(op);
    op = only_reader(op->outputs.front());
    if (op == nullptr) return;
  }
}

// Averages of whole windows of a padded map, times what makes them averages of pixels inside, as
// in write.cpp.
bool Patterns::find_average(std::size_t end) {
  const Operator& product = model_.operators()[end];
  const Operator* pool = producer(product.inputs[0], Code::AVERAGE_POOL_2D);
  const Operator* pad = pool == nullptr ? nullptr : producer(pool->inputs[0], Code::PAD);
  const int factors = product.inputs[1];
  if (pad == nullptr || factors < 0 || !model_.is_constant(factors) ||
      reads_[source(pool->outputs.front())] != 1 || reads_[source(pad->outputs.front())] != 1) {
    return false;
  }
  const auto& options = model_.options<oko::tflite::Pool2DOptions>(*pool);
  const Sides amounts = integers(*pad, 1), in = model_.sides(source(pad->inputs.front()));
  const Sides out = model_.sides(pool->outputs.front());
  const int size = options.filter_height(), stride = options.stride_h();
  const bool fits = amounts.size() == 8 && in.size() == 4 && out.size() == 4 && count_of(out) > 0 &&
                    options.padding() == oko::tflite::Padding::VALID && size >= 1 &&
                    size == options.filter_width() && stride >= 1 && stride == options.stride_w() &&
                    size <= 1024 && stride <= 1024 &&
                    model_.sides(factors) == Sides{1, out[1], out[2], 1} && amounts[0] == 0 &&
                    amounts[1] == 0 && amounts[6] == 0 && amounts[7] == 0 &&
                    std::ranges::all_of(amounts, [](int n) { return n >= 0 && n < 1024; }) &&
                    model_.type_of(factors) == TensorType::FLOAT32;
  if (!fits) return false;
  const auto inside = [&](int at, int before, int side) {
    const std::int64_t begin = std::int64_t{at} * stride - before;
    return std::min<std::int64_t>(begin + size, side) - std::max<std::int64_t>(begin, 0);
  };
  const graph::Tensor given = model_.floats(product, factors);
  for (int y = 0; y < out[1]; ++y) {
    for (int x = 0; x < out[2]; ++x) {
      const auto pixels =
          static_cast<float>(inside(y, amounts[2], in[1]) * inside(x, amounts[4], in[2]));
      const float share = given.floats()[static_cast<std::size_t>(y) * out[2] + x];
      if (!(std::fabs(share * pixels - static_cast<float>(size * size)) < 1e-2F)) return false;
    }
  }
  take({pool, pad});
  made_[end] = {graph::AveragePool{size, stride, {amounts[2], amounts[4], amounts[3], amounts[5]}},
                source(pad->inputs.front())};
  return true;
}

// As in write_values.cpp.
void Patterns::find_attention(std::size_t end) {
  const Sides by_heads{0, 2, 1, 3};
  const auto turned_of = [&](int tensor) -> const Operator* {
    const Operator* op = producer(tensor, Code::TRANSPOSE);
    return op != nullptr && integers(*op, 1) == by_heads ? op : nullptr;
  };
  const Operator& whole = model_.operators()[end];
  const Operator* by_pixel = turned_of(whole.inputs.front());
  const Operator* sums =
      by_pixel == nullptr ? nullptr : producer(by_pixel->inputs[0], Code::BATCH_MATMUL);
  if (sums == nullptr || sums->inputs.size() != 2) return;
  const Operator* softmax = producer(sums->inputs[0], Code::SOFTMAX);
  if (softmax == nullptr) return;
  graph::Attention attention;
  attention.scale = model_.options<oko::tflite::SoftmaxOptions>(*softmax).beta();
  std::vector<const Operator*> parts{by_pixel, sums, softmax};
  const Operator* dots = producer(softmax->inputs[0], Code::BATCH_MATMUL);
  if (const Operator* scaled = producer(softmax->inputs[0], Code::MUL);
      scaled != nullptr && scaled->inputs.size() == 2 && scaled->inputs[1] >= 0 &&
      model_.is_constant(scaled->inputs[1]) && model_.sides(scaled->inputs[1]) == Sides{1}) {
    attention.scale *= model_.floats(*scaled, scaled->inputs[1]).floats()[0];
    dots = producer(scaled->inputs[0], Code::BATCH_MATMUL);
    parts.push_back(scaled);
  }
  if (dots == nullptr || dots->inputs.size() != 2) return;
  const auto& by_keys = model_.options<oko::tflite::BatchMatMulOptions>(*dots);
  const auto& by_shares = model_.options<oko::tflite::BatchMatMulOptions>(*sums);
  const Operator* split = producer(dots->inputs[0], Code::SPLIT_V);
  if (split == nullptr || split->inputs.size() != 3 || split->outputs.size() != 3 ||
      by_keys.adjoint_x() || !by_keys.adjoint_y() || by_shares.adjoint_x() ||
      by_shares.adjoint_y() || source(dots->inputs[0]) != split->outputs[0] ||
      source(dots->inputs[1]) != split->outputs[1] ||
      source(sums->inputs[1]) != split->outputs[2] || integers(*split, 2) != Sides{3}) {
    return;
  }
  const Operator* by_head = turned_of(split->inputs[0]);
  const Operator* heads =
      by_head == nullptr ? nullptr : producer(by_head->inputs[0], Code::RESHAPE);
  const Sides sizes = integers(*split, 1);
  if (heads == nullptr || sizes.size() != 3 || sizes[0] != sizes[1]) return;
  const Sides cut = model_.sides(heads->outputs.front());
  const int from = source(heads->inputs.front());
  const Sides in = model_.sides(from), out = model_.sides(whole.outputs.front());
  if (in.size() != 4 || in[0] != 1 || cut.size() != 4 || cut[0] != 1 || count_of(in) < 1 ||
      std::int64_t{cut[2]} * cut[3] != in[3] || sizes[0] < 1 || out.size() != 4 ||
      out != Sides{1, in[1], in[2], cut[2] * (cut[3] - 2 * sizes[0])} || cut[3] <= 2 * sizes[0]) {
    return;
  }
  attention.heads = cut[2];
  attention.key_channels = sizes[0];
  parts.insert(parts.end(), {dots, split, by_head, heads});
  take(parts);
  made_[end] = {attention, from};
}

}  // namespace oko::formats::tflite
