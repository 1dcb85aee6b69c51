#include "oko/runtime/checksum.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "oko/base/random.h"

namespace oko::runtime {
namespace {

std::vector<std::byte> noise(std::size_t count) {
  Random random(5);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = std::byte(random.below(256));
  return bytes;
}

std::uint64_t plainly(std::span<const std::byte> bytes) {
  return checksum(bytes, SimdTarget::kScalar);
}

TEST(Checksum, IsTheSameOnEveryTargetAndAtEveryAddress) {
  const std::vector<std::byte> bytes = noise(5000);
  for (const SimdTarget target : simd_targets()) {
    for (const std::size_t count : {0, 1, 4, 511, 512, 513, 1024, 4999}) {
      for (const std::size_t start : {0, 1}) {
        const auto part = std::span(bytes).subspan(start, count);
        EXPECT_EQ(checksum(part, target), plainly(part)) << name_of(target) << " " << count;
      }
    }
  }
}

// Several parts and threads: that of one thread is the sum of each part's sums.
TEST(Checksum, DoesNotDependOnTheNumberOfThreads) {
  const std::vector<std::byte> bytes = noise(9 * kChecksumPart + 77);
  const std::uint64_t first = checksum(bytes);
  EXPECT_EQ(first, plainly(bytes));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(checksum(bytes), first);
}

TEST(Checksum, ChangesWithEveryByteBitAndLength) {
  std::vector<std::byte> bytes = noise(2000);
  std::set<std::uint64_t> seen{checksum(bytes)};
  std::size_t count = 1;
  for (std::byte& byte : bytes) {
    for (int bit = 0; bit < 8; ++bit, ++count) {
      byte ^= std::byte(1 << bit);
      seen.insert(checksum(bytes));
      byte ^= std::byte(1 << bit);
    }
  }
  EXPECT_EQ(seen.size(), count);
  const std::vector<std::byte> zeros(3000);
  seen.clear();
  for (std::size_t i = 0; i <= zeros.size(); ++i) {
    seen.insert(checksum(std::span(zeros).first(i)));
  }
  EXPECT_EQ(seen.size(), zeros.size() + 1);
}

TEST(Checksum, ChangesWithTheOrderAndTheBordersOfParts) {
  const std::vector<std::byte> bytes = noise(1000);
  using Span = std::span<const std::byte>;
  const Span all = bytes, a = all.first(512), b = all.subspan(512);
  const Span other[] = {all.first(500), all.subspan(500)};
  const Span ab[] = {a, b}, ba[] = {b, a}, with_empty[] = {a, {}, b};
  const std::set<std::uint64_t> sums{checksum(ab), checksum(ba), checksum(other), checksum(all),
                                     checksum(with_empty)};
  EXPECT_EQ(sums.size(), 5U);
}

// Words that move from one place to another, as when pages of a file change places.
TEST(Checksum, ChangesIfPagesAreSwapped) {
  std::vector<std::byte> bytes = noise(8 * 4096);
  const std::uint64_t before = checksum(bytes);
  for (std::size_t page = 1; page < 8; ++page) {
    std::vector<std::byte> swapped = bytes;
    std::swap_ranges(swapped.begin(), swapped.begin() + 4096,
                     swapped.begin() + static_cast<std::ptrdiff_t>(page * 4096));
    EXPECT_NE(checksum(swapped), before);
  }
}

}  // namespace
}  // namespace oko::runtime
