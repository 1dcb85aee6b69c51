// Convolutions: cuts one into tasks for the threads and calls the kernels.
#include <algorithm>
#include <cstring>

#include "oko/runtime/pack.h"
#include "oko/runtime/steps.h"
#include "oko/runtime/tiling.h"

namespace oko::runtime {
namespace {

int pieces(int count, int size) { return (count + size - 1) / size; }

class GemmConvolution {
 public:
  GemmConvolution(const ConvolutionStep& step, const StepContext& context)
      : step_(step),
        c_(step.convolution),
        context_(context),
        tiling_(gemm_tiling(step, context.kernels.lanes)) {
    if (step.in.buffer >= 0) in_ = context.read(step.in);
    if (step.out) out_ = context.view(*step.out);
    if (step.pooled) pooled_ = context.view(*step.pooled);
    if (step.residual) residual_ = context.read(*step.residual);
    bias_ = reinterpret_cast<const float*>(context.weights + step.bias);
    group_bytes_ =
        static_cast<std::size_t>(c_.size * c_.size) * static_cast<std::size_t>(tiling_.depth) *
        static_cast<std::size_t>(packed_columns(c_.filters / c_.groups, context.kernels.lanes)) *
        number_bytes();
  }

  void run() {
    if (tiling_.whole) gather_whole();
    const int bands = pieces(step_.output.height, tiling_.band);
    const int columns = c_.filters / c_.groups;
    const int parts = pieces(columns, tiling_.columns);
    context_.team.run(c_.groups * bands * parts, [&](int task, int thread) {
      const int part = task % parts, band = task / parts % bands, group = task / parts / bands;
      const int first = part * tiling_.columns;
      make_band(group, band * tiling_.band, first, std::min(tiling_.columns, columns - first),
                context_.scratch[static_cast<std::size_t>(thread)]);
    });
  }

 private:
  std::size_t number_bytes() const { return step_.half ? sizeof(Half) : sizeof(float); }

  // Copies rows [first, first + count) of the padded input, one group's channels.
  void gather(int group, int first, int count, float* to) const {
    const graph::Shape& shape = step_.in.shape;
    const int depth = tiling_.depth;
    const std::ptrdiff_t left = std::ptrdiff_t{c_.padding.left} * depth;
    for (int row = first; row < first + count; ++row, to += tiling_.row) {
      const int y = row - c_.padding.top;
      if (y < 0 || y >= shape.height) {
        std::fill_n(to, tiling_.row, 0.F);
        continue;
      }
      std::fill_n(to, left, 0.F);
      float* end = copy_row(group, y, to + left);
      std::fill(end, to + tiling_.row, 0.F);
    }
  }

  float* copy_row(int group, int y, float* to) const {
    const graph::Shape& shape = step_.in.shape;
    const int depth = tiling_.depth;
    if (in_.data == nullptr) {
      const std::ptrdiff_t plane = std::ptrdiff_t{shape.height} * shape.width;
      context_.kernels.interleave(context_.input + std::ptrdiff_t{y} * shape.width, plane, depth,
                                  shape.width, to);
      return to + std::ptrdiff_t{shape.width} * depth;
    }
    const float* from = in_.at(y, 0) + std::ptrdiff_t{group} * depth;
    const auto bytes = static_cast<std::size_t>(depth) * sizeof(float);
    if (in_.pixel == depth) {
      std::memcpy(to, from, bytes * static_cast<std::size_t>(shape.width));
      return to + std::ptrdiff_t{shape.width} * depth;
    }
    for (int x = 0; x < shape.width; ++x, from += in_.pixel, to += depth) {
      std::memcpy(to, from, bytes);
    }
    return to;
  }

  void gather_whole() const {
    const int height = step_.in.shape.height + c_.padding.top + c_.padding.bottom;
    constexpr int kRows = 16;
    float* to = reinterpret_cast<float*>(context_.shared);
    context_.team.run(pieces(height, kRows), [&](int task, int) {
      const int first = task * kRows;
      gather(0, first, std::min(kRows, height - first), to + first * tiling_.row);
    });
  }

  // Output rows of one band, `count` columns (filters) of one group from `first` on.
  void make_band(int group, int top, int first, int count, std::byte* scratch) const {
    const int rows = std::min(tiling_.band, step_.output.height - top);
    const float* source = reinterpret_cast<const float*>(context_.shared);
    int source_top = 0;
    if (tiling_.gathered && !tiling_.whole) {
      float* to = reinterpret_cast<float*>(scratch);
      source_top = top * c_.stride;
      gather(group, source_top, (rows - 1) * c_.stride + c_.size, to);
      source = to;
      scratch += pool_offset();
    }
    GemmCall call = call_for(group, first, count);
    const int channel = group * (c_.filters / c_.groups) + first;
    if (!tiling_.gathered && !step_.pooled) {  // all pixels of the band are one run of rows
      call.rows = rows * step_.output.width;
      aim(call, in_.at(top, 0), top, channel);
      multiply(call);
      return;
    }
    for (int y = top; y < top + rows; ++y) {
      const float* a = tiling_.gathered
                           ? source + (std::ptrdiff_t{y} * c_.stride - source_top) * tiling_.row
                           : in_.at(y, 0);
      if (step_.pooled && !step_.out) {
        call.a = a;
        call.c_row = count;
        call.c = reinterpret_cast<float*>(scratch) + y % 2 * std::ptrdiff_t{count} * call.rows;
      } else {
        aim(call, a, y, channel);
      }
      multiply(call);
      if (step_.pooled && y % 2 == 1) pool(y / 2, channel, count, scratch);
    }
  }

  std::size_t pool_offset() const {  // of the two rows to pool, behind the gathered ones
    return (static_cast<std::size_t>((tiling_.band - 1) * c_.stride + c_.size) *
                static_cast<std::size_t>(tiling_.row) * sizeof(float) +
            kAlignment - 1) /
           kAlignment * kAlignment;
  }

  GemmCall call_for(int group, int first, int count) const {
    GemmCall call;
    const int depth = tiling_.depth;
    const std::size_t taps = static_cast<std::size_t>(c_.size) * static_cast<std::size_t>(c_.size);
    call.rows = step_.output.width;
    call.columns = count;
    call.b =
        context_.weights + step_.weights + static_cast<std::size_t>(group) * group_bytes_ +
        static_cast<std::size_t>(first) * taps * static_cast<std::size_t>(depth) * number_bytes();
    call.bias = bias_ + group * (c_.filters / c_.groups) + first;
    if (tiling_.gathered) {  // a row of the window is one run of numbers
      call.taps = c_.size;
      call.depth = c_.size * depth;
      call.a_tap = tiling_.row;
      call.a_row = std::ptrdiff_t{c_.stride} * depth;
    } else {
      call.depth = depth;
      call.a_row = in_.pixel;
    }
    call.clamp = step_.finish.clamp;
    call.residual_clamp = step_.finish.residual_clamp;
    return call;
  }

  void aim(GemmCall& call, const float* a, int y, int channel) const {
    call.a = a;
    call.c = out_.at(y, 0) + channel;
    call.c_row = out_.pixel;
    if (residual_.data) {
      call.residual = residual_.at(y, 0) + channel;
      call.residual_row = residual_.pixel;
    }
  }

  void multiply(const GemmCall& call) const {
    step_.half ? context_.kernels.gemm_half(call) : context_.kernels.gemm(call);
    if (step_.finish.after == graph::Activation::kLinear) return;
    for (int r = 0; r < call.rows; ++r) {
      activate(step_.finish.after, call.c + r * call.c_row, static_cast<std::size_t>(call.columns));
    }
  }

  // Row y of the pooled map from rows 2y and 2y + 1.
  void pool(int y, int channel, int count, const std::byte* scratch) const {
    PoolCall<float> call;
    const int width = step_.output.width;
    if (step_.out) {
      call.in = {out_.at(2 * y, 0) + channel, 2, width, count, out_.pixel, out_.row};
    } else {
      call.in = {reinterpret_cast<const float*>(scratch),
                 2,
                 width,
                 count,
                 count,
                 std::ptrdiff_t{count} * width};
    }
    call.out = {pooled_.at(y, 0) + channel, 1, width / 2, count, pooled_.pixel, pooled_.row};
    call.row_count = 1;
    context_.kernels.max_pool(call);
  }

  const ConvolutionStep& step_;
  const graph::Convolution& c_;
  const StepContext& context_;
  GemmTiling tiling_;
  View<const float> in_, residual_;
  View<float> out_, pooled_;
  const float* bias_;
  std::size_t group_bytes_;
};

class WinogradConvolution {
 public:
  WinogradConvolution(const ConvolutionStep& step, const StepContext& context)
      : step_(step),
        context_(context),
        tiling_(winograd_tiling(step, context.kernels.lanes, context.kernels.max_rows)),
        depth_(step.in.shape.channels),
        filters_(step.convolution.filters) {
    if (step.out) out_ = context.view(*step.out);
    if (step.pooled) pooled_ = context.view(*step.pooled);
    if (step.residual) residual_ = context.read(*step.residual);
    in_ = context.read(step.in);
  }

  void run() {
    const int blocks = pieces(tiling_.tiles, tiling_.block);
    if (!tiling_.whole) {
      context_.team.run(blocks, [&](int task, int thread) { make_block(task, thread); });
      return;
    }
    float* v = reinterpret_cast<float*>(context_.shared);
    constexpr int kTiles = 4;
    context_.team.run(pieces(tiling_.tiles, kTiles), [&](int task, int) {
      const int first = task * kTiles;
      transform(first, std::min(kTiles, tiling_.tiles - first), v + first * tiling_.v_row,
                tiling_.tiles);
    });
    const int parts = pieces(filters_, tiling_.columns);
    // Where there are fewer parts than threads could share evenly, the tiles are cut as well.
    const int cuts = std::clamp(2 * context_.team.size() / parts, 1, blocks);
    context_.team.run(parts * cuts, [&](int task, int thread) {
      const int part = task / cuts, cut = task % cuts;
      const int first_block = blocks * cut / cuts, last_block = blocks * (cut + 1) / cuts;
      for (int block = first_block; block < last_block; ++block) {
        make_part(part, block, thread);
      }
    });
  }

 private:
  float* scratch(int thread) const {
    return reinterpret_cast<float*>(context_.scratch[static_cast<std::size_t>(thread)]);
  }

  void transform(int first, int count, float* v, int all) const {
    WinogradInput call;
    call.in = in_;
    call.pad_top = step_.convolution.padding.top;
    call.pad_left = step_.convolution.padding.left;
    call.tiles_across = tiling_.across;
    call.first_tile = first;
    call.tile_count = count;
    call.v = v;
    call.v_row = tiling_.v_row;
    call.v_point = tiling_.v_row * all;
    context_.kernels.winograd_input(call);
  }

  // All filters of one block of tiles.
  void make_block(int block, int thread) const {
    const int first = block * tiling_.block;
    const int count = std::min(tiling_.block, tiling_.tiles - first);
    float* v = scratch(thread);
    float* m = v + kPoints * tiling_.v_row * tiling_.block;
    transform(first, count, v, count);
    multiply(v, count, count, 0, filters_, m);
    finish(m, first, count, 0, filters_);
  }

  // Some filters of one block of tiles that were transformed beforehand.
  void make_part(int part, int block, int thread) const {
    const int first = block * tiling_.block;
    const int count = std::min(tiling_.block, tiling_.tiles - first);
    const int column = part * tiling_.columns;
    const int columns = std::min(tiling_.columns, filters_ - column);
    const float* v = reinterpret_cast<const float*>(context_.shared) + first * tiling_.v_row;
    float* m = scratch(thread);
    multiply(v, tiling_.tiles, count, column, columns, m);
    finish(m, first, count, column, columns);
  }

  void multiply(const float* v, int all, int count, int column, int columns, float* m) const {
    const std::size_t number = step_.half ? sizeof(Half) : sizeof(float);
    const auto depth = static_cast<std::size_t>(depth_);
    GemmCall call;
    call.a_row = tiling_.v_row;
    call.rows = count;
    call.depth = depth_;
    call.columns = columns;
    call.points = kPoints;
    call.c_row = tiling_.m_row;
    call.b = context_.weights + step_.weights +
             static_cast<std::size_t>(column) * kPoints * depth * number;
    for (int point = 0; point < kPoints; ++point) {
      call.a = v + std::ptrdiff_t{point} * all * tiling_.v_row;
      call.c = m + std::ptrdiff_t{point} * count * tiling_.m_row;
      call.point = point;
      step_.half ? context_.kernels.gemm_half(call) : context_.kernels.gemm(call);
    }
  }

  void finish(const float* m, int first, int count, int column, int columns) const {
    WinogradOutput call;
    call.m = m;
    call.m_row = tiling_.m_row;
    call.m_point = tiling_.m_row * count;
    call.bias = reinterpret_cast<const float*>(context_.weights + step_.bias) + column;
    call.channels = columns;
    call.tiles_across = tiling_.across;
    call.first_tile = first;
    call.tile_count = count;
    call.out = part_of(out_, column, columns);
    call.pooled = part_of(pooled_, column, columns);
    call.residual = part_of(residual_, column, columns);
    call.clamp = step_.finish.clamp;
    call.residual_clamp = step_.finish.residual_clamp;
    context_.kernels.winograd_output(call);
  }

  template <typename T>
  static View<T> part_of(View<T> view, int first, int count) {
    if (view.data == nullptr) return view;
    view.data += first;
    view.channels = count;
    return view;
  }

  const ConvolutionStep& step_;
  const StepContext& context_;
  WinogradTiling tiling_;
  int depth_, filters_;
  View<const float> in_, residual_;
  View<float> out_, pooled_;
};

void run_depthwise(const ConvolutionStep& step, const StepContext& context) {
  DepthwiseCall call;
  call.in = context.read(step.in);
  call.out = context.view(*step.out);
  call.weights = reinterpret_cast<const float*>(context.weights + step.weights);
  call.bias = reinterpret_cast<const float*>(context.weights + step.bias);
  call.size = step.convolution.size;
  call.stride = step.convolution.stride;
  call.pad_top = step.convolution.padding.top;
  call.pad_left = step.convolution.padding.left;
  call.clamp = step.finish.clamp;
  if (step.residual) call.residual = context.read(*step.residual);
  call.residual_clamp = step.finish.residual_clamp;
  const int band = std::max(1, step.output.height / (4 * context.team.size()));
  context.team.run(pieces(step.output.height, band), [&](int task, int) {
    DepthwiseCall rows = call;
    rows.first_row = task * band;
    rows.row_count = std::min(band, step.output.height - rows.first_row);
    context.kernels.depthwise(rows);
  });
}

// Activations that the kernels do not know, over the whole map.
void activate_map(const View<float>& map, graph::Activation activation, Team& team) {
  team.run(map.height, [&](int y, int) {
    for (int x = 0; x < map.width; ++x) {
      activate(activation, map.at(y, x), static_cast<std::size_t>(map.channels));
    }
  });
}

}  // namespace

void run_convolution(const ConvolutionStep& step, const StepContext& context) {
  switch (step.algorithm) {
    case Algorithm::kGemm:
      GemmConvolution(step, context).run();
      return;
    case Algorithm::kWinograd:
      WinogradConvolution(step, context).run();
      break;
    case Algorithm::kDepthwise:
      run_depthwise(step, context);
      break;
  }
  if (step.finish.after != graph::Activation::kLinear) {
    activate_map(context.view(*step.out), step.finish.after, context.team);
  }
}

}  // namespace oko::runtime
