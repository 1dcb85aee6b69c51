#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "oko/base/simd.h"

namespace oko::runtime {

// Sums of megabytes at the speed of memory: 128 lanes of 32 bits side by side, and 1 MiB on each
// thread. It tells contents apart and sees damage, but withstands nobody. A change of one word of 4
// bytes always changes the value, as a lane is a bijection of its words; several changes in one
// lane of a MiB go unseen once in 2³². Only caches hold these values: they may change with the
// version.
inline constexpr std::size_t kChecksumPart = std::size_t{1} << 20;

// Of the bytes of `parts`, one after the other; what is in which part is part of it. Uses up to
// four threads for more than a few MiB.
std::uint64_t checksum(std::span<const std::span<const std::byte>> parts,
                       SimdTarget target = best_simd_target());
std::uint64_t checksum(std::span<const std::byte> bytes, SimdTarget target = best_simd_target());

}  // namespace oko::runtime
