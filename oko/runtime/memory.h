#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>

namespace oko::runtime {

struct Free {
  void operator()(std::byte* p) const { std::free(p); }
};
// Uninitialized bytes aligned to kAlignment.
using AlignedBytes = std::unique_ptr<std::byte[], Free>;

// Throws std::bad_alloc. Huge pages are requested for large blocks, so that sequential reads are
// not slowed by TLB misses.
AlignedBytes aligned_bytes(std::size_t count);

// kAlignment-aligned, with kSlack readable bytes after them.
struct Memory {
  std::shared_ptr<const void> owner;
  std::span<std::byte> bytes;
};
// Of secrets, such as the weights of a sealed model, in locked memory (oko/base/locked.h).
Memory memory_for(std::size_t count, bool secret);

}  // namespace oko::runtime
