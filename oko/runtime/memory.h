#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "oko/runtime/kernels.h"

namespace oko::runtime {

struct AlignedDelete {
  void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{kAlignment}); }
};
// Bytes that begin at a multiple of kAlignment; not set to anything.
using AlignedBytes = std::unique_ptr<std::byte[], AlignedDelete>;
inline AlignedBytes aligned_bytes(std::size_t count) {
  return AlignedBytes(
      static_cast<std::byte*>(::operator new[](count, std::align_val_t{kAlignment})));
}

}  // namespace oko::runtime
