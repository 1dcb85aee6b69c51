#include "oko/runtime/checksum_kernel.h"

#include <cstring>

#include "oko/base/simd_targets.h"
#undef HWY_WANT_AVX3_DL  // no benefit here
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oko/runtime/checksum_kernel.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "oko/base/simd_select.h"

HWY_BEFORE_NAMESPACE();
namespace oko::runtime {
namespace HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

namespace hn = hwy::HWY_NAMESPACE;

void add_blocks(const std::byte* bytes, std::size_t blocks, std::uint32_t* lanes) {
  constexpr hn::CappedTag<std::uint32_t, 16> d;
  constexpr hn::Repartition<std::uint8_t, decltype(d)> d8;
  constexpr std::size_t kStep = hn::MaxLanes(d);
  // So many at a time stay in registers, and hide a multiplication's latency.
  constexpr std::size_t kVectors = 8;
  const auto factor = hn::Set(d, kSumFactor);
  for (std::size_t first = 0; first < kSumLanes; first += kVectors * kStep) {
    hn::Vec<decltype(d)> h[kVectors];
    for (std::size_t i = 0; i < kVectors; ++i) h[i] = hn::LoadU(d, lanes + first + i * kStep);
    const auto* from = reinterpret_cast<const std::uint8_t*>(bytes) + first * sizeof(std::uint32_t);
    for (std::size_t block = 0; block < blocks; ++block, from += kSumBlock) {
      for (std::size_t i = 0; i < kVectors; ++i) {
        const auto word = hn::BitCast(d, hn::LoadU(d8, from + i * kStep * sizeof(std::uint32_t)));
        h[i] = hn::Mul(hn::Xor(h[i], word), factor);
        h[i] = hn::Xor(h[i], hn::ShiftRight<kSumShift>(h[i]));
      }
    }
    for (std::size_t i = 0; i < kVectors; ++i) hn::StoreU(h[i], d, lanes + first + i * kStep);
  }
}

AddBlocks adder() { return add_blocks; }

#endif
}  // namespace HWY_NAMESPACE
}  // namespace oko::runtime
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace oko::runtime {
namespace {

void add_blocks_plainly(const std::byte* bytes, std::size_t blocks, std::uint32_t* lanes) {
  for (std::size_t block = 0; block < blocks; ++block, bytes += kSumBlock) {
    for (std::size_t i = 0; i < kSumLanes; ++i) {
      std::uint32_t word = 0;
      std::memcpy(&word, bytes + i * sizeof word, sizeof word);
      lanes[i] = (lanes[i] ^ word) * kSumFactor;
      lanes[i] ^= lanes[i] >> kSumShift;
    }
  }
}

}  // namespace

AddBlocks block_adder(SimdTarget target) {
  OKO_SIMD_SELECT(target, adder());
  return add_blocks_plainly;
}

}  // namespace oko::runtime
#endif
