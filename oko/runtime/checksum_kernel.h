#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "oko/base/simd.h"

// The inner loop of checksum.h.
namespace oko::runtime {

inline constexpr std::size_t kSumLanes = 128, kSumBlock = kSumLanes * sizeof(std::uint32_t);
// A word w changes its lane from h to ((h ^ w) · kSumFactor), the upper bits of which are then
// added to the lower ones without carry.
inline constexpr std::uint32_t kSumFactor = 0x9e3779b1;
inline constexpr int kSumShift = 15;
using SumLanes = std::array<std::uint32_t, kSumLanes>;

// Adds `blocks` blocks of kSumBlock bytes, at any address, to the lanes.
using AddBlocks = void (*)(const std::byte* bytes, std::size_t blocks, std::uint32_t* lanes);
AddBlocks block_adder(SimdTarget target);

}  // namespace oko::runtime
