// 3x3 convolutions of stride 1 by Winograd's algorithm: tiles of the input are transformed to 36 or
// 16 points, multiplied point by point, and transformed back.
#include <type_traits>

#include "oko/runtime/convolve.h"
#include "oko/runtime/panels.h"

namespace oko::runtime {
namespace {

// T: the element type. Sums are floats or 32-bit integers.
template <typename T>
class WinogradConvolution {
 public:
  WinogradConvolution(const ConvolutionStep& step, const StepContext& context)
      : step_(step),
        context_(context),
        block_(block_of(step, context.plan.target)),
        tiling_(winograd_tiling(step, block_)),
        end_(step),
        depth_(step.in.shape.channels),
        filters_(step.convolution.filters),
        column_bytes_(packed_column_bytes(step, context.plan.target)),
        columns_(static_cast<std::ptrdiff_t>(packed_column_array(step, context.plan.target))) {
    if (step.out) out_ = context.view<T>(*step.out);
    if (step.pooled) pooled_ = context.view<T>(*step.pooled);
    if (step.residual) residual_ = context.read<T>(*step.residual);
    in_ = context.read<T>(step.in);
    v_row_ = tiling_.v_row * static_cast<std::ptrdiff_t>(block_.number_bytes / sizeof(T));
    if (tiling_.whole) return;
    tiling_.block = share_of(tiling_.tiles, tiling_.block, block_.max_rows, context.team);
  }

  void run() const {
    const int blocks = pieces(tiling_.tiles, tiling_.block);
    if (!tiling_.whole) {
      context_.team.run(blocks, [&](int task, int thread) { make_block(task, thread); });
      return;
    }
    constexpr int kTiles = 4;
    context_.team.run(pieces(tiling_.tiles, kTiles), [&](int task, int) {
      const int first = task * kTiles, count = std::min(kTiles, tiling_.tiles - first);
      for (int row = 0; row < depth_; row += tiling_.rows) {
        transform(first, count, row, whole_tiles(row) + first * v_row_, tiling_.tiles);
      }
    });
    const int parts = pieces(filters_, tiling_.columns);
    // If there are too few parts to share evenly among threads, the tiles are split as well.
    const int cuts = std::clamp(2 * context_.team.size() / parts, 1, blocks);
    context_.team.run(parts * cuts, [&](int task, int thread) {
      const int part = task / cuts, cut = task % cuts;
      for (int block = blocks * cut / cuts; block < blocks * (cut + 1) / cuts; ++block) {
        make_part(part, block, thread);
      }
    });
  }

 private:
  static constexpr bool kBytes = std::is_same_v<T, std::uint8_t>;
  static constexpr int kCount = kBytes ? kPoints8 : kPoints;
  using Sum = std::conditional_t<kBytes, std::int32_t, float>;

  T* shared() const { return reinterpret_cast<T*>(context_.shared); }
  std::byte* scratch(int thread) const { return context_.scratch[thread]; }
  template <typename U>
  const U* packed(std::size_t offset) const {
    return reinterpret_cast<const U*>(context_.weights + offset);
  }

  // Where the tiles' channels from `row` on are, tiling_.rows of them.
  T* whole_tiles(int row) const {
    return shared() + std::ptrdiff_t{row / tiling_.rows} * kCount * tiling_.tiles * v_row_;
  }

  void transform(int first, int count, int row, T* v, int all) const {
    std::conditional_t<kBytes, Winograd8Input, WinogradInput> call;
    call.in = part_of(in_, row, std::min(tiling_.rows, depth_ - row));
    call.pad_top = step_.convolution.padding.top;
    call.pad_left = step_.convolution.padding.left;
    call.tiles_across = tiling_.across;
    call.first_tile = first;
    call.tile_count = count;
    call.v = v;
    call.v_row = v_row_;
    call.v_point = v_row_ * all;
    if constexpr (kBytes) {
      call.zero = step_.in.scale.zero;
      call.factors = packed<std::int16_t>(step_.factors);
      context_.kernels8.winograd_input(call);
    } else {
      context_.kernels.winograd_input(call);
    }
  }

  // All filters of one block of tiles.
  void make_block(int block, int thread) const {
    const int first = block * tiling_.block;
    const int count = std::min(tiling_.block, tiling_.tiles - first);
    auto* sums = reinterpret_cast<Sum*>(scratch(thread));
    T* v = reinterpret_cast<T*>(sums + kCount * tiling_.m_row * tiling_.block);
    transform(first, count, 0, v, count);
    const std::byte* weights = context_.weights + step_.weights;
    if (step_.half) {
      for_panels(filters_, block_.lanes, [&](int column, int width) {
        const auto numbers = static_cast<std::size_t>(kCount * depth_ * width);
        const std::byte* panel = widened(weights, numbers, thread);
        multiply(v, count, count, column, std::min(width, filters_ - column), panel, sums + column);
        weights += numbers * sizeof(Half);
      });
    } else {
      multiply(v, count, count, 0, filters_, weights, sums);
    }
    finish(sums, first, count, 0, filters_);
  }

  // Some filters of one block of previously transformed tiles.
  void make_part(int part, int block, int thread) const {
    const int first = block * tiling_.block;
    const int count = std::min(tiling_.block, tiling_.tiles - first);
    const int column = part * tiling_.columns;
    const int columns = std::min(tiling_.columns, filters_ - column);
    auto* sums = reinterpret_cast<Sum*>(scratch(thread));
    if constexpr (kBytes) {
      const std::byte* weights =
          context_.weights + step_.weights + static_cast<std::size_t>(column) * column_bytes_;
      multiply(shared() + first * v_row_, tiling_.tiles, count, column, columns, weights, sums);
    } else {  // whole tiles are late kernels: winograd_tiling()
      multiply_late(first, count, column, thread);
    }
    finish(sums, first, count, column, columns);
  }

  // Packed float16 as floats, in the thread's scratch memory.
  const std::byte* widened(const std::byte* from, std::size_t numbers, int thread) const {
    std::byte* to = scratch(thread) + tiling_.panel;
    context_.kernels.widen(reinterpret_cast<const Half*>(from), numbers,
                           reinterpret_cast<float*>(to));
    return to;
  }

  void multiply(const T* v, int all, int count, int column, int columns, const std::byte* weights,
                Sum* sums) const {
    std::conditional_t<kBytes, Matrix8Call<std::int32_t>, GemmCall> call;
    call.a_row = v_row_;
    call.rows = count;
    call.depth = depth_;
    call.columns = columns;
    call.points = kCount;
    call.c_row = tiling_.m_row;
    call.b = weights;
    for (int point = 0; point < kCount; ++point) {
      call.point = point;
      call.a = v + std::ptrdiff_t{point} * all * v_row_;
      call.c = sums + std::ptrdiff_t{point} * count * tiling_.m_row;
      if constexpr (kBytes) {
        call.start = packed<std::int32_t>(step_.starts) + point * columns_ + column;
        context_.kernels8.gemm_sums(call);
      } else {
        context_.kernels.gemm(call);
      }
    }
  }

  // One panel of kernels: a few of its rows become points and are multiplied, then the next.
  void multiply_late(int first, int count, int column, int thread) const {
    auto* sums = reinterpret_cast<float*>(scratch(thread));
    const int width = std::min(tiling_.columns, packed_columns(filters_ - column, block_.lanes));
    const std::size_t number = step_.half ? sizeof(Half) : sizeof(float);
    const std::byte* kernels =
        context_.weights + step_.weights + static_cast<std::size_t>(column) * column_bytes_;
    float* points = sums + kPoints * tiling_.m_row * tiling_.block;
    for (int row = 0; row < depth_; row += tiling_.rows) {
      const int rows = std::min(tiling_.rows, depth_ - row);
      const auto taps = static_cast<std::size_t>(kTaps * rows * width);
      const std::byte* floats = step_.half ? widened(kernels, taps, thread) : kernels;
      context_.kernels.winograd_kernels(
          {reinterpret_cast<const float*>(floats), rows, width, points, tiling_.late_point});
      const std::size_t bytes = taps * number;
      kernels += bytes;
      GemmCall call;
      call.a_row = v_row_;
      call.rows = count;
      call.depth = rows;
      call.columns = width;
      call.add = row > 0;
      call.c_row = tiling_.m_row;
      for (int point = 0; point < kPoints; ++point) {
        call.a = whole_tiles(row) + (std::ptrdiff_t{point} * tiling_.tiles + first) * v_row_;
        call.b = points + point * tiling_.late_point;
        // The next kernels are read from memory meanwhile.
        const std::byte* part = kernels + bytes * static_cast<std::size_t>(point) / kPoints;
        for (std::size_t i = 0; i < bytes / kPoints; i += kAlignment)
          __builtin_prefetch(part + i, 0, 2);
        call.c = sums + std::ptrdiff_t{point} * count * tiling_.m_row;
        context_.kernels.gemm(call);
      }
    }
  }

  void finish(const Sum* sums, int first, int count, int column, int columns) const {
    std::conditional_t<kBytes, Winograd8Output, WinogradOutput> call;
    call.m = sums;
    call.m_row = tiling_.m_row;
    call.m_point = tiling_.m_row * count;
    call.bias = packed<float>(step_.bias) + column;
    call.channels = columns;
    call.tiles_across = tiling_.across;
    call.first_tile = first;
    call.tile_count = count;
    call.out = part_of(out_, column, columns);
    call.pooled = part_of(pooled_, column, columns);
    call.residual = part_of(residual_, column, columns);
    end_.set(call);
    if constexpr (kBytes) {
      call.scale = packed<float>(step_.scales) + column;
      call.scale_row = columns_;
      context_.kernels8.winograd_output(call);
    } else {
      context_.kernels.winograd_output(call);
    }
  }

  template <typename U>
  static View<U> part_of(View<U> view, int first, int count) {
    if (view.data == nullptr) return view;
    view.data += first;
    view.channels = count;
    return view;
  }

  const ConvolutionStep& step_;
  const StepContext& context_;
  Block block_;
  WinogradTiling tiling_;
  End end_;
  std::ptrdiff_t v_row_;  // in floats, or in bytes of int8
  int depth_, filters_;
  std::size_t column_bytes_;
  std::ptrdiff_t columns_;  // of the per-column arrays
  View<const T> in_, residual_;
  View<T> out_, pooled_;
};

}  // namespace

void run_winograd_convolution(const ConvolutionStep& step, const StepContext& context) {
  is_int8(step) ? WinogradConvolution<std::uint8_t>(step, context).run()
                : WinogradConvolution<float>(step, context).run();
}

}  // namespace oko::runtime
