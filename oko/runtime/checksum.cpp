#include "oko/runtime/checksum.h"

#include <algorithm>
#include <array>
#include <vector>

#include "oko/base/hash.h"
#include "oko/base/threads.h"
#include "oko/runtime/checksum_kernel.h"

namespace oko::runtime {
namespace {

using Span = std::span<const std::byte>;

std::uint64_t sum_of(Span bytes, AddBlocks add) {
  SumLanes lanes;
  for (std::size_t i = 0; i < kSumLanes; ++i) lanes[i] = static_cast<std::uint32_t>(i + 1);
  const std::size_t whole = bytes.size() / kSumBlock;
  add(bytes.data(), whole, lanes.data());
  if (const Span rest = bytes.subspan(whole * kSumBlock); !rest.empty()) {
    std::array<std::byte, kSumBlock> filled{};
    std::ranges::copy(rest, filled.begin());
    add(filled.data(), 1, lanes.data());
  }
  Hash hash;
  hash.add(std::as_bytes(std::span(lanes)));
  hash.add_numbers(bytes.size());
  return hash.value();
}

}  // namespace

std::uint64_t checksum(std::span<const Span> parts, SimdTarget target) {
  constexpr std::size_t kPartsOfThread = 4;
  constexpr int kMostThreads = 4;
  std::vector<Span> pieces;
  for (Span part : parts) {
    do {
      const std::size_t count = std::min(part.size(), kChecksumPart);
      pieces.push_back(part.first(count));
      part = part.subspan(count);
    } while (!part.empty());
  }
  std::vector<std::uint64_t> sums(pieces.size());
  const AddBlocks add = block_adder(target);
  const auto sum = [&](std::size_t i) { sums[i] = sum_of(pieces[i], add); };
  const auto useful = static_cast<int>(
      std::min(pieces.size() / kPartsOfThread, static_cast<std::size_t>(kMostThreads)));
  const int threads = kCanStartThreads ? std::min(useful, available_processors()) : 1;
  if (threads > 1) {
    ThreadPool(threads - 1).parallel_for(pieces.size(), sum);
  } else {
    for (std::size_t i = 0; i < pieces.size(); ++i) sum(i);
  }
  Hash hash;
  hash.add(std::as_bytes(std::span(sums)));
  return hash.value();
}

std::uint64_t checksum(Span bytes, SimdTarget target) { return checksum({&bytes, 1}, target); }

}  // namespace oko::runtime
