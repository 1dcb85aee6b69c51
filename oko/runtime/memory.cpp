#include "oko/runtime/memory.h"

#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "oko/base/locked.h"
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

Memory memory_for(std::size_t count, bool secret) {
  if (secret) {
    const auto locked = std::make_shared<Locked>(count + kSlack);
    return {locked, locked->span().first(count)};
  }
  const std::shared_ptr<std::byte[]> plain = aligned_bytes(count + kSlack);
  return {plain, std::span(plain.get(), count)};
}

}  // namespace oko::runtime
