#pragma once

#include <cstddef>
#include <cstdint>

#include "oko/runtime/kernels8.h"
#include "oko/runtime/plan.h"

// How a convolution splits its work into pieces that fit in a core's cache.
namespace oko::runtime {

// Columns of a narrow panel and rows of a block, of the kernels that a step calls, and bytes of a
// number that they multiply and of a weight.
struct Block {
  int lanes = 1, max_rows = 1;
  std::size_t number_bytes = sizeof(float), weight_bytes = sizeof(float);
};
Block block_of(const ConvolutionStep& step, SimdTarget target);
// Of floats: the target's, or, for so few filters that half of its vectors would be empty, those of
// a target with shorter ones.
const Kernels& float_kernels(const ConvolutionStep& step, SimdTarget target);
inline bool is_int8(const ConvolutionStep& step) { return step.in.number == Number::kByte; }

// Whether its windows are the pixels of the input, one after another.
inline bool is_pointwise(const graph::Convolution& c) {
  return c.size == 1 && c.stride == 1 && c.padding == graph::Padding{};
}

// Side of a tile of Winograd's outputs and points of its transform.
inline int tile_of(const ConvolutionStep& step) { return is_int8(step) ? kTile8 : kTile; }
inline int points_of(const ConvolutionStep& step) { return is_int8(step) ? kPoints8 : kPoints; }

struct Scratch {  // bytes; 64 bits everywhere, so that a too large plan can be detected
  std::uint64_t shared_bytes = 0, thread_bytes = 0;
};

struct GemmTiling {
  bool gathered = false;   // the input is copied with its padding, so that windows are contiguous,
                           // or to become what the kernels multiply
  bool whole = false;      // all of it in advance, else the rows of a band at a time
  int band = 1;            // output rows of a task; even if pooled
  int columns = 0;         // of a task: a multiple of a wide panel, or all
  int depth = 0;           // input channels of a group
  std::ptrdiff_t row = 0;  // elements of a gathered row
  std::size_t panel = 0;   // in the thread's scratch: where a panel of float16 becomes floats
  Scratch scratch;
};
GemmTiling gemm_tiling(const ConvolutionStep& step, const Block& block);

struct WinogradTiling {
  int across = 0, tiles = 0;
  bool whole = false;  // all tiles are transformed in advance; else block by block
  bool late = false;   // kernels are packed as they are, and transformed when they are multiplied
  int rows = 0;        // of kernels, and channels of tiles, at a time: all, if not late
  int block = 1;       // tiles that are multiplied at a time
  int columns = 0;     // of a piece of work
  std::ptrdiff_t v_row = 0, m_row = 0;
  std::ptrdiff_t late_point = 0;  // elements from one point of late kernels to the next
  std::size_t panel = 0;          // as in GemmTiling
  Scratch scratch;
};
WinogradTiling winograd_tiling(const ConvolutionStep& step, const Block& block);

// Of either, or none for a depthwise convolution.
Scratch scratch_of(const ConvolutionStep& step, SimdTarget target);

}  // namespace oko::runtime
