#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace oko::runtime {

struct Free {
  void operator()(std::byte* p) const { std::free(p); }
};
// Bytes that begin at a multiple of kAlignment; not set to anything.
using AlignedBytes = std::unique_ptr<std::byte[], Free>;

// Throws std::bad_alloc. Large blocks are asked to lie in large pages, so that reading them from
// end to end is not slowed by the tables of pages.
AlignedBytes aligned_bytes(std::size_t count);

}  // namespace oko::runtime
