// Convolutions as matrix products: the input's windows, row by row, times the packed kernels.
#include <cstring>
#include <type_traits>

#include "oko/runtime/convolve.h"

namespace oko::runtime {
namespace {

void multiply(const StepContext& context, bool half, const MatrixCall<float, float>& call) {
  half ? context.kernels.gemm_half(call) : context.kernels.gemm(call);
}
void multiply(const StepContext& context, bool, const Matrix8Call<std::uint8_t>& call) {
  context.kernels8.gemm(call);
}
void multiply(const StepContext& context, bool, const Matrix8Call<float>& call) {
  context.kernels8.gemm_float(call);
}
void max_pool(const StepContext& context, const PoolCall<float>& call) {
  context.kernels.max_pool(call);
}
void max_pool(const StepContext& context, const PoolCall<std::uint8_t>& call) {
  context.kernels8.max_pool(call);
}

// In: the input's element type; Out: the output's. All floats, or int8 to either.
template <typename In, typename Out>
class GemmConvolution {
 public:
  GemmConvolution(const ConvolutionStep& step, const StepContext& context)
      : step_(step),
        c_(step.convolution),
        context_(context),
        tiling_(gemm_tiling(step, block_of(step, context.plan.target))),
        end_(step),
        column_bytes_(packed_column_bytes(step, context.plan.target)),
        group_bytes_(packed_group_bytes(step, context.plan.target)) {
    if (step.in.buffer >= 0) in_ = context.read<In>(step.in);
    if (step.out) out_ = context.view<Out>(*step.out);
    if (step.pooled) pooled_ = context.view<Out>(*step.pooled);
    if (step.residual) residual_ = context.read<Out>(*step.residual);
    const graph::Shape& shape = step.output;
    const int columns = c_.filters / c_.groups;
    if (tiling_.columns < columns) return;  // already split by columns
    const int rows = pieces(2 * block_of(step, context.plan.target).max_rows, shape.width);
    const int band = share_of(shape.height, tiling_.band, rows, context.team);
    tiling_.band = step.pooled ? pieces(band, 2) * 2 : band;
  }

  void run() const {
    if (tiling_.whole) gather_whole();
    const int bands = pieces(step_.output.height, tiling_.band);
    const int columns = c_.filters / c_.groups;
    const int parts = pieces(columns, tiling_.columns);
    context_.team.run(c_.groups * bands * parts, [&](int task, int thread) {
      const int part = task % parts, band = task / parts % bands, group = task / parts / bands;
      const int first = part * tiling_.columns;
      make_band(group, band * tiling_.band, first, std::min(tiling_.columns, columns - first),
                context_.scratch[thread]);
    });
  }

 private:
  using Call = std::conditional_t<std::is_same_v<In, float>, GemmCall, Matrix8Call<Out>>;

  // Copies rows [first, first + count) of the padded input, one group's channels.
  void gather(int group, int first, int count, In* to) const {
    const auto zero = static_cast<In>(step_.in.scale.zero);
    const graph::Shape& shape = step_.in.shape;
    const std::ptrdiff_t left = std::ptrdiff_t{c_.padding.left} * tiling_.depth;
    for (int row = first; row < first + count; ++row, to += tiling_.row) {
      const int y = row - c_.padding.top;
      if (y < 0 || y >= shape.height) {
        std::fill_n(to, tiling_.row, zero);
        continue;
      }
      std::fill_n(to, left, zero);
      In* end = copy_row(group, y, to + left);
      std::fill(end, to + tiling_.row, zero);
    }
  }

  In* copy_row(int group, int y, In* to) const {
    const graph::Shape& shape = step_.in.shape;
    const int depth = tiling_.depth;
    if constexpr (std::is_same_v<In, float>) {
      if (in_.data == nullptr) {
        const std::ptrdiff_t plane = std::ptrdiff_t{shape.height} * shape.width;
        context_.kernels.interleave(context_.input + std::ptrdiff_t{y} * shape.width, plane, depth,
                                    shape.width, to);
        return to + std::ptrdiff_t{shape.width} * depth;
      }
    }
    const In* from = in_.at(y, 0) + std::ptrdiff_t{group} * depth;
    const auto bytes = static_cast<std::size_t>(depth) * sizeof(In);
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
    In* to = reinterpret_cast<In*>(context_.shared);
    context_.team.run(pieces(height, kRows), [&](int task, int) {
      const int first = task * kRows;
      gather(0, first, std::min(kRows, height - first), to + first * tiling_.row);
    });
  }

  // Output rows of one band, `count` columns (filters) of one group from `first` on.
  void make_band(int group, int top, int first, int count, std::byte* scratch) const {
    const int rows = std::min(tiling_.band, step_.output.height - top);
    const In* source = reinterpret_cast<const In*>(context_.shared);
    int source_top = 0;
    if (tiling_.gathered && !tiling_.whole) {
      In* to = reinterpret_cast<In*>(scratch);
      source_top = top * c_.stride;
      gather(group, source_top, (rows - 1) * c_.stride + c_.size, to);
      source = to;
      scratch += pool_offset();
    }
    Call call = call_for(group, first, count);
    const int channel = group * (c_.filters / c_.groups) + first;
    if (!tiling_.gathered && !step_.pooled) {  // all pixels of the band are consecutive rows
      call.rows = rows * step_.output.width;
      aim(call, in_.at(top, 0), top, channel);
      make_rows(call);
      return;
    }
    for (int y = top; y < top + rows; ++y) {
      const In* a = tiling_.gathered
                        ? source + (std::ptrdiff_t{y} * c_.stride - source_top) * tiling_.row
                        : in_.at(y, 0);
      if (step_.pooled && !step_.out) {
        call.a = a;
        call.c_row = count;
        call.c = reinterpret_cast<Out*>(scratch) + y % 2 * std::ptrdiff_t{count} * call.rows;
      } else {
        aim(call, a, y, channel);
      }
      make_rows(call);
      if (step_.pooled && y % 2 == 1) pool(y / 2, channel, count, scratch);
    }
  }

  std::size_t pool_offset() const {  // of the two rows to pool, after the gathered ones
    const std::size_t bytes = static_cast<std::size_t>((tiling_.band - 1) * c_.stride + c_.size) *
                              static_cast<std::size_t>(tiling_.row) * sizeof(In);
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

  Call call_for(int group, int first, int count) const {
    Call call;
    const int column = group * (c_.filters / c_.groups) + first;
    call.rows = step_.output.width;
    call.columns = count;
    call.b = context_.weights + step_.weights + static_cast<std::size_t>(group) * group_bytes_ +
             static_cast<std::size_t>(first) * column_bytes_;
    call.bias = reinterpret_cast<const float*>(context_.weights + step_.bias) + column;
    if constexpr (!std::is_same_v<In, float>) {
      call.scale = reinterpret_cast<const float*>(context_.weights + step_.scales) + column;
      call.start = reinterpret_cast<const std::int32_t*>(context_.weights + step_.starts) + column;
    }
    if (tiling_.gathered) {  // a row of the window is contiguous
      call.taps = c_.size;
      call.depth = c_.size * tiling_.depth;
      call.a_tap = tiling_.row;
      call.a_row = std::ptrdiff_t{c_.stride} * tiling_.depth;
    } else {
      call.depth = tiling_.depth;
      call.a_row = in_.pixel;
    }
    end_.set(call);
    return call;
  }

  void aim(Call& call, const In* a, int y, int channel) const {
    call.a = a;
    call.c = out_.at(y, 0) + channel;
    call.c_row = out_.pixel;
    if (residual_.data) {
      call.residual = residual_.at(y, 0) + channel;
      call.residual_row = residual_.pixel;
    }
  }

  void make_rows(const Call& call) const {
    multiply(context_, step_.half, call);
    if constexpr (std::is_same_v<Out, float>) {
      if (step_.finish.after == graph::Activation::kLinear) return;
      for (int r = 0; r < call.rows; ++r) {
        context_.kernels.activate(step_.finish.after, call.c + r * call.c_row,
                                  static_cast<std::size_t>(call.columns));
      }
    }
  }

  // Row y of the pooled output from rows 2y and 2y + 1.
  void pool(int y, int channel, int count, const std::byte* scratch) const {
    PoolCall<Out> call;
    const int width = step_.output.width;
    if (step_.out) {
      call.in = {out_.at(2 * y, 0) + channel, 2, width, count, out_.pixel, out_.row};
    } else {
      call.in = {reinterpret_cast<const Out*>(scratch), 2, width, count, count,
                 std::ptrdiff_t{count} * width};
    }
    call.out = {pooled_.at(y, 0) + channel, 1, width / 2, count, pooled_.pixel, pooled_.row};
    call.row_count = 1;
    max_pool(context_, call);
  }

  const ConvolutionStep& step_;
  const graph::Convolution& c_;
  const StepContext& context_;
  GemmTiling tiling_;
  End end_;
  std::size_t column_bytes_, group_bytes_;
  View<const In> in_;
  View<const Out> residual_;
  View<Out> out_, pooled_;
};

}  // namespace

void run_gemm_convolution(const ConvolutionStep& step, const StepContext& context) {
  const Map& out = step.out ? *step.out : *step.pooled;
  if (!is_int8(step)) {
    GemmConvolution<float, float>(step, context).run();
  } else if (out.number == Number::kByte) {
    GemmConvolution<std::uint8_t, std::uint8_t>(step, context).run();
  } else {
    GemmConvolution<std::uint8_t, float>(step, context).run();
  }
}

}  // namespace oko::runtime
