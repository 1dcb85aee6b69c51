#include "oko/runtime/tiling.h"

#include <algorithm>

#include "oko/runtime/kernels8.h"
#include "oko/runtime/pack.h"

namespace oko::runtime {
namespace {

// At least half of the L2 cache of a core in today's phones and computers.
constexpr std::size_t kCache = std::size_t{384} << 10;
constexpr int kLateRows = 64;  // of Winograd's kernels that are transformed at a time
constexpr std::size_t kWholeGather = std::size_t{2} << 20;

std::uint64_t size_of(std::int64_t count, std::size_t bytes) {
  return static_cast<std::uint64_t>(count) * bytes;
}
// How many pieces of `bytes` fit in the cache, at least 1.
int fitting(std::uint64_t cache, std::uint64_t bytes, std::uint64_t most) {
  return static_cast<int>(
      std::clamp<std::uint64_t>(cache / std::max<std::uint64_t>(1, bytes), 1, most));
}

}  // namespace

const Kernels& float_kernels(const ConvolutionStep& step, SimdTarget target) {
  const Kernels& own = kernels(target);
  if (step.algorithm != Algorithm::kGemm || own.lanes < 16) return own;
  const Kernels& shorter = kernels(SimdTarget::kAvx2);
  const int filters = step.convolution.filters / step.convolution.groups;
  return shorter.lanes * 2 == own.lanes && filters <= shorter.lanes ? shorter : own;
}

Block block_of(const ConvolutionStep& step, SimdTarget target) {
  if (!is_int8(step)) {
    const Kernels& table = float_kernels(step, target);
    return {table.lanes, table.max_rows};
  }
  const Kernels8& table = kernels8(target);
  return {table.lanes, table.max_rows, static_cast<std::size_t>(table.number_bytes),
          sizeof(std::int8_t)};
}

GemmTiling gemm_tiling(const ConvolutionStep& step, const Block& block) {
  constexpr std::size_t kMostRows = 64;
  const graph::Convolution& c = step.convolution;
  const graph::Shape& in = step.in.shape;
  const std::size_t number = block.number_bytes;
  const std::size_t out_number = (step.out ? step.out : step.pooled)->number == Number::kByte
                                     ? sizeof(std::uint8_t)
                                     : sizeof(float);
  GemmTiling t;
  t.depth = in.channels / c.groups;
  t.columns = c.filters / c.groups;
  const bool planes = step.in.buffer < 0;
  const bool windows = !is_pointwise(c);
  const bool widened = is_int8(step) && number > sizeof(std::uint8_t);
  t.gathered = planes || windows || c.groups > 1 || widened;
  const std::int64_t width = in.width + c.padding.left + c.padding.right;
  const std::int64_t height = in.height + c.padding.top + c.padding.bottom;
  const std::int64_t row = width * t.depth;
  t.row = static_cast<std::ptrdiff_t>(row);
  const std::int64_t kernel = std::int64_t{c.size} * c.size * t.depth * t.columns;
  const bool large = size_of(kernel, block.weight_bytes) > kCache;
  t.whole = t.gathered && c.groups == 1 && (planes || windows || large) &&
            size_of(height * row, number) <= kWholeGather;
  const std::uint64_t row_bytes = t.gathered
                                      ? size_of(row * c.stride, number)
                                      : size_of(std::int64_t{in.width} * step.in.pixel, number);
  t.band = std::min(fitting(kCache / 2, row_bytes, kMostRows), step.output.height);
  // Large kernels are split by columns, so that each weight is read by only one thread.
  if (large && (t.whole || !t.gathered)) {
    const int panel = 2 * block.lanes;
    t.columns = std::min(t.columns, panel * std::max(1, 64 / panel));
    t.band = step.output.height;
  }
  if (step.pooled) t.band = std::max(2, t.band / 2 * 2);
  if (t.whole) {
    t.scratch.shared_bytes = size_of(height * row, number) + kSlack;
  } else if (t.gathered) {
    t.scratch.thread_bytes = size_of(row * ((t.band - 1) * c.stride + c.size), number) + kSlack;
  }
  if (step.pooled) {
    const std::int64_t rows =
        std::int64_t{2} * step.output.width * packed_columns(c.filters, block.lanes);
    t.scratch.thread_bytes += size_of(rows, out_number) + kSlack;
  }
  if (step.half) {
    t.panel = static_cast<std::size_t>(aligned(t.scratch.thread_bytes));
    const std::int64_t rows = std::int64_t{c.size} * c.size * t.depth;
    t.scratch.thread_bytes = t.panel + size_of(rows * 2 * block.lanes, sizeof(float));
  }
  return t;
}

WinogradTiling winograd_tiling(const ConvolutionStep& step, const Block& block) {
  const int depth = step.in.shape.channels, filters = step.convolution.filters;
  const std::size_t number = block.number_bytes;
  const int tile = tile_of(step);
  const std::int64_t points = points_of(step);
  WinogradTiling t;
  t.across = (step.output.width + tile - 1) / tile;
  t.tiles = t.across * ((step.output.height + tile - 1) / tile);
  // Whole cache lines, plus one: rows of a power of two would compete for the same lines.
  const int line = static_cast<int>(kAlignment / number);
  t.v_row = (depth + line - 1) / line * line + line;
  const int all = packed_columns(filters, block.lanes), panel = 2 * block.lanes;
  const std::uint64_t kernel = size_of(points * depth * all, block.weight_bytes);
  t.whole = kernel > kCache * 2;
  t.columns = all;
  if (t.whole) {
    const int wanted = filters >= 512 ? 64 : 32;
    t.columns = std::min(all, std::max(1, wanted / panel) * panel);
  }
  // Transformed floats are four times as large: kernels that no cache keeps are transformed in it,
  // a few rows of a panel at a time.
  t.late = t.whole && !is_int8(step);
  t.rows = depth;
  if (t.late) {
    t.columns = std::min(all, panel);
    t.rows = std::min((depth + line - 1) / line * line, kLateRows);
    t.v_row = t.rows;
    // As v_row: points would compete for the same lines.
    t.late_point = t.rows * t.columns + line;
  }
  t.m_row = t.columns;
  const std::uint64_t m_tile = size_of(points * t.m_row, sizeof(float));
  const std::uint64_t v_tile = t.whole ? 0 : size_of(points * t.v_row, number);
  const int tiles = fitting(kCache, m_tile + v_tile, 1 << 20);
  t.block = std::min(t.tiles, std::max(1, tiles / block.max_rows) * block.max_rows);
  t.scratch.thread_bytes = size_of(t.block, m_tile + v_tile) + 2 * kSlack;
  t.scratch.thread_bytes += size_of(points * t.late_point, sizeof(float));
  if (step.half) {
    t.panel = static_cast<std::size_t>(aligned(t.scratch.thread_bytes));
    const std::int64_t rows = t.late ? std::int64_t{kTaps} * t.rows : points * depth;
    t.scratch.thread_bytes = t.panel + size_of(rows * panel, sizeof(float));
  }
  if (t.whole) {
    const int cuts = t.late ? (depth + t.rows - 1) / t.rows : 1;
    t.scratch.shared_bytes = size_of(points * t.v_row * t.tiles * cuts, number) + kSlack;
  }
  return t;
}

Scratch scratch_of(const ConvolutionStep& step, SimdTarget target) {
  switch (step.algorithm) {
    case Algorithm::kGemm:
      return gemm_tiling(step, block_of(step, target)).scratch;
    case Algorithm::kWinograd:
      return winograd_tiling(step, block_of(step, target)).scratch;
    case Algorithm::kDepthwise:
      break;
  }
  return {};
}

}  // namespace oko::runtime
