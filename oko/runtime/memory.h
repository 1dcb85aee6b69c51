#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace oko::runtime {

struct Free {
  void operator()(std::byte* p) const { std::free(p); }
};
// Uninitialized bytes aligned to kAlignment.
using AlignedBytes = std::unique_ptr<std::byte[], Free>;

// Throws std::bad_alloc. Huge pages are requested for large blocks, so that sequential reads are
// not slowed by TLB misses.
AlignedBytes aligned_bytes(std::size_t count);

}  // namespace oko::runtime
