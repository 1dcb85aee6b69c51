#include "oko/runtime/tiling.h"

#include <algorithm>

#include "oko/runtime/pack.h"

namespace oko::runtime {
namespace {

// Half of the 512 KiB and more of second-level cache that a core of today's phones and computers
// has.
constexpr std::size_t kCache = std::size_t{384} << 10;
constexpr std::size_t kWholeGather = std::size_t{2} << 20;

std::size_t floats(std::ptrdiff_t count) { return static_cast<std::size_t>(count) * sizeof(float); }

}  // namespace

GemmTiling gemm_tiling(const ConvolutionStep& step, int lanes) {
  const graph::Convolution& c = step.convolution;
  const graph::Shape& in = step.in.shape;
  GemmTiling t;
  t.depth = in.channels / c.groups;
  t.columns = c.filters / c.groups;
  const bool planes = step.in.buffer < 0;
  t.gathered =
      planes || c.size > 1 || c.stride > 1 || c.groups > 1 || c.padding != graph::Padding{};
  const std::ptrdiff_t width = in.width + c.padding.left + c.padding.right;
  const std::ptrdiff_t height = in.height + c.padding.top + c.padding.bottom;
  t.row = width * t.depth;
  const std::size_t row_bytes = floats(t.row);
  t.whole = t.gathered && c.groups == 1 && floats(height * t.row) <= kWholeGather;
  if (!t.gathered) {
    const std::size_t input_row = floats(std::ptrdiff_t{in.width} * step.in.pixel);
    t.band = static_cast<int>(
        std::clamp<std::size_t>(kCache / 2 / std::max<std::size_t>(1, input_row), 1, 64));
  } else {
    t.band = static_cast<int>(std::clamp<std::size_t>(
        kCache / 2 / std::max<std::size_t>(1, row_bytes * static_cast<std::size_t>(c.stride)), 1,
        64));
  }
  t.band = std::min(t.band, step.output.height);
  // Large kernels are shared out by columns, so that each weight is read by one thread only.
  const std::ptrdiff_t kernel = std::ptrdiff_t{c.size} * c.size * t.depth * t.columns;
  if (floats(kernel) > kCache && (t.whole || !t.gathered)) {
    t.columns = std::min(t.columns, 2 * lanes * std::max(1, 64 / (2 * lanes)));
    t.band = step.output.height;
  }
  if (step.pooled) t.band = std::max(2, t.band / 2 * 2);
  if (t.whole) {
    t.scratch.shared_bytes = floats(height * t.row) + kSlack;
  } else if (t.gathered) {
    t.scratch.thread_bytes =
        row_bytes * static_cast<std::size_t>((t.band - 1) * c.stride + c.size) + kSlack;
  }
  if (step.pooled) {
    t.scratch.thread_bytes +=
        floats(std::ptrdiff_t{2} * step.output.width * packed_columns(c.filters, lanes)) + kSlack;
  }
  return t;
}

WinogradTiling winograd_tiling(const ConvolutionStep& step, int lanes, int max_rows) {
  const int depth = step.in.shape.channels, filters = step.convolution.filters;
  WinogradTiling t;
  t.across = (step.output.width + kTile - 1) / kTile;
  t.tiles = t.across * ((step.output.height + kTile - 1) / kTile);
  // Rows of a power of two would compete for the same lines of the cache.
  t.v_row = (depth + lanes - 1) / lanes * lanes + 16;
  const int all = packed_columns(filters, lanes);
  const std::size_t kernel = floats(std::ptrdiff_t{kPoints} * depth * all);
  t.whole = kernel > kCache * 2;
  if (t.whole) {
    const int wanted = filters >= 512 ? 64 : 32;
    t.columns = std::min(all, std::max(1, wanted / (2 * lanes)) * 2 * lanes);
    t.m_row = t.columns;
    const std::size_t tile = floats(kPoints * t.m_row);
    t.block =
        static_cast<int>(std::max<std::size_t>(static_cast<std::size_t>(max_rows), kCache / tile));
    t.block = std::min(t.tiles, t.block / max_rows * max_rows);
    t.scratch.shared_bytes = floats(kPoints * t.v_row * t.tiles) + kSlack;
    t.scratch.thread_bytes = tile * static_cast<std::size_t>(t.block) + kSlack;
    return t;
  }
  t.columns = all;
  t.m_row = all;
  const std::size_t tile = floats(kPoints * (t.v_row + t.m_row));
  t.block =
      static_cast<int>(std::max<std::size_t>(static_cast<std::size_t>(max_rows), kCache / tile));
  t.block = std::min(t.tiles, t.block / max_rows * max_rows);
  t.scratch.thread_bytes = tile * static_cast<std::size_t>(t.block) + 2 * kSlack;
  return t;
}

Scratch scratch_of(const ConvolutionStep& step, const Kernels& k) {
  switch (step.algorithm) {
    case Algorithm::kGemm:
      return gemm_tiling(step, k.lanes).scratch;
    case Algorithm::kWinograd:
      return winograd_tiling(step, k.lanes, k.max_rows).scratch;
    case Algorithm::kDepthwise:
      break;
  }
  return {};
}

}  // namespace oko::runtime
