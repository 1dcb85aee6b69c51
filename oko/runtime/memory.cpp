#include "oko/runtime/memory.h"

#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "oko/runtime/kernels.h"

namespace oko::runtime {

AlignedBytes aligned_bytes(std::size_t count) {
  constexpr std::size_t kLargePage = std::size_t{2} << 20;
  const bool large = count >= 2 * kLargePage;
  void* memory = nullptr;
  if (posix_memalign(&memory, large ? kLargePage : kAlignment, count) != 0) throw std::bad_alloc();
#if defined(__linux__)
  // Only a hint: without it the memory works just as well.
  if (large) static_cast<void>(madvise(memory, count, MADV_HUGEPAGE));
#endif
  return AlignedBytes(static_cast<std::byte*>(memory));
}

}  // namespace oko::runtime
