// Convolutions as matrix products: the input's windows, row by row, times the packed kernels.
#include <cstring>
#include <type_traits>

#include "oko/runtime/convolve.h"
#include "oko/runtime/panels.h"

namespace oko::runtime {
namespace {

void multiply(const Kernels& floats, const Kernels8&, const MatrixCall<float, float>& call) {
  floats.gemm(call);
}
void multiply(const Kernels&, const Kernels8& bytes, const Matrix8Call<std::uint8_t>& call) {
  bytes.gemm(call);
}
void multiply(const Kernels&, const Kernels8& bytes, const Matrix8Call<float>& call) {
  bytes.gemm_float(call);
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
        kernels_(float_kernels(step, context.plan.target)),
        block_(block_of(step, context.plan.target)),
        tiling_(gemm_tiling(step, block_)),
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
    const int rows = pieces(2 * block_.max_rows, shape.width);
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

  // Copies rows [first, first + count) of the padded input, one group's channels, as the numbers
  // that the kernels multiply.
  void gather(int group, int first, int count, std::byte* to) const {
    const graph::Shape& shape = step_.in.shape;
    const int left = c_.padding.left * tiling_.depth, row = static_cast<int>(tiling_.row);
    const int inside = shape.width * tiling_.depth;
    for (int y = first - c_.padding.top; count > 0; ++y, --count, to += bytes_of(row)) {
      if (y < 0 || y >= shape.height) {
        fill_zeros(to, row);
        continue;
      }
      fill_zeros(to, left);
      copy_row(group, y, to + bytes_of(left));
      fill_zeros(to + bytes_of(left + inside), row - left - inside);
    }
  }

  // Of numbers that the kernels multiply.
  std::ptrdiff_t bytes_of(std::ptrdiff_t numbers) const {
    return numbers * static_cast<std::ptrdiff_t>(block_.number_bytes);
  }

  // Zeros of the input's scale.
  void fill_zeros(std::byte* to, int count) const {
    if constexpr (std::is_same_v<In, float>) {
      std::fill_n(reinterpret_cast<float*>(to), count, 0.F);
    } else if (block_.number_bytes == 1) {
      std::memset(to, step_.in.scale.zero, static_cast<std::size_t>(count));
    } else {
      const auto zero = static_cast<std::int16_t>(step_.in.scale.zero);
      std::fill_n(reinterpret_cast<std::int16_t*>(to), count, zero);
    }
  }

  void copy(const In* from, int count, std::byte* to) const {
    if constexpr (!std::is_same_v<In, float>) {
      if (block_.number_bytes != 1) {
        context_.kernels8.widen(from, count, reinterpret_cast<std::uint8_t*>(to));
        return;
      }
    }
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(In));
  }

  void copy_row(int group, int y, std::byte* to) const {
    const graph::Shape& shape = step_.in.shape;
    const int depth = tiling_.depth;
    if constexpr (std::is_same_v<In, float>) {
      if (in_.data == nullptr) {
        const std::ptrdiff_t plane = std::ptrdiff_t{shape.height} * shape.width;
        context_.kernels.interleave(context_.input + std::ptrdiff_t{y} * shape.width, plane, depth,
                                    shape.width, reinterpret_cast<float*>(to));
        return;
      }
    }
    const In* from = in_.at(y, 0) + std::ptrdiff_t{group} * depth;
    if (in_.pixel == depth) {
      copy(from, depth * shape.width, to);
      return;
    }
    for (int x = 0; x < shape.width; ++x, from += in_.pixel, to += bytes_of(depth)) {
      copy(from, depth, to);
    }
  }

  void gather_whole() const {
    const int height = step_.in.shape.height + c_.padding.top + c_.padding.bottom;
    constexpr int kRows = 16;
    context_.team.run(pieces(height, kRows), [&](int task, int) {
      const int first = task * kRows;
      gather(0, first, std::min(kRows, height - first),
             context_.shared + bytes_of(first * tiling_.row));
    });
  }

  // Output rows of one group, and where the rows of their windows are.
  struct Band {
    int group, top, rows;
    const std::byte* source;
    int source_top;
    std::byte* pooled;  // two rows to pool
  };

  // Output rows of one band, `count` columns (filters) of one group from `first` on.
  void make_band(int group, int top, int first, int count, std::byte* scratch) const {
    const int rows = std::min(tiling_.band, step_.output.height - top);
    Band band{group, top, rows, context_.shared, 0, scratch};
    if (tiling_.gathered && !tiling_.whole) {
      band.source_top = top * c_.stride;
      gather(group, band.source_top, (rows - 1) * c_.stride + c_.size, scratch);
      band.source = scratch;
      band.pooled += pool_offset();
    }
    const std::byte* weights = context_.weights + step_.weights +
                               static_cast<std::size_t>(group) * group_bytes_ +
                               static_cast<std::size_t>(first) * column_bytes_;
    if (!step_.half) {
      make_columns(band, first, count, weights);
      return;
    }
    for_panels(count, block_.lanes, [&](int column, int width) {
      const std::size_t bytes = column_bytes_ * static_cast<std::size_t>(width);
      std::byte* panel = scratch + tiling_.panel;
      kernels_.widen(reinterpret_cast<const Half*>(weights), bytes / sizeof(Half),
                     reinterpret_cast<float*>(panel));
      weights += bytes;
      make_columns(band, first + column, std::min(width, count - column), panel);
    });
  }

  void make_columns(const Band& band, int first, int count, const std::byte* weights) const {
    const auto [group, top, rows, source, source_top, scratch] = band;
    // Where row y of the output has its first window.
    const auto window = [&, from = source, from_top = source_top](int y) {
      if (!tiling_.gathered) return in_.at(y, 0);
      return reinterpret_cast<const In*>(
          from + bytes_of((std::ptrdiff_t{y} * c_.stride - from_top) * tiling_.row));
    };
    Call call = call_for(group, first, count, weights);
    const int channel = group * (c_.filters / c_.groups) + first;
    if (is_pointwise(c_) && !step_.pooled) {  // all pixels of the band are consecutive rows
      call.rows = rows * step_.output.width;
      aim(call, window(top), top, channel);
      make_rows(call);
      return;
    }
    for (int y = top; y < top + rows; ++y) {
      if (step_.pooled && !step_.out) {
        call.a = window(y);
        call.c_row = count;
        call.c = reinterpret_cast<Out*>(scratch) + y % 2 * std::ptrdiff_t{count} * call.rows;
      } else {
        aim(call, window(y), y, channel);
      }
      make_rows(call);
      if (step_.pooled && y % 2 == 1) pool(y / 2, channel, count, scratch);
    }
  }

  std::size_t pool_offset() const {  // of the two rows to pool, after the gathered ones
    return aligned(static_cast<std::size_t>((tiling_.band - 1) * c_.stride + c_.size) *
                   static_cast<std::size_t>(bytes_of(tiling_.row)));
  }

  Call call_for(int group, int first, int count, const std::byte* weights) const {
    Call call;
    const int column = group * (c_.filters / c_.groups) + first;
    call.rows = step_.output.width;
    call.columns = count;
    call.b = weights;
    call.bias = reinterpret_cast<const float*>(context_.weights + step_.bias) + column;
    if constexpr (!std::is_same_v<In, float>) {
      call.scale = reinterpret_cast<const float*>(context_.weights + step_.scales) + column;
      call.start = reinterpret_cast<const std::int32_t*>(context_.weights + step_.starts) + column;
    }
    if (tiling_.gathered) {  // a row of the window is contiguous
      call.taps = c_.size;
      call.depth = c_.size * tiling_.depth;
      // Of floats in elements, of all others in bytes: in elements of In.
      constexpr std::ptrdiff_t kElement = sizeof(In);
      call.a_tap = bytes_of(tiling_.row) / kElement;
      call.a_row = bytes_of(std::ptrdiff_t{c_.stride} * tiling_.depth) / kElement;
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
    multiply(kernels_, context_.kernels8, call);
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
  const Kernels& kernels_;
  Block block_;
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
