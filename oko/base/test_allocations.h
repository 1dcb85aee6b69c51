#pragma once

#include <atomic>
#include <cstdlib>
#include <new>

// Include in one file of a test program: counts the allocations of the whole program.

namespace oko {

inline std::atomic<long> allocations = 0;

// Null if out of memory.
inline void* counted_memory(std::size_t size, std::size_t alignment = 0) {
  ++allocations;
  if (alignment == 0) return std::malloc(size > 0 ? size : 1);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

inline void* or_throw(void* memory) {
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace oko

// All overloads of the library, or they would mix with a sanitizer's own. Not inlined, or the
// compiler mistakes malloc and free for a mismatched pair.
[[gnu::noinline]] void* operator new(std::size_t size) {
  return oko::or_throw(oko::counted_memory(size));
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  return oko::or_throw(oko::counted_memory(size, static_cast<std::size_t>(alignment)));
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return oko::counted_memory(size);
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment,
                                     const std::nothrow_t&) noexcept {
  return oko::counted_memory(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t,
                                       const std::nothrow_t&) noexcept {
  std::free(memory);
}
