#include "oko/base/locked.h"

#if !defined(__EMSCRIPTEN__)
#include <sys/mman.h>
#endif

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace oko {
namespace {

#if defined(__EMSCRIPTEN__)
// A page has neither pages to lock nor swap of its own.
std::byte* reserve(std::size_t size) {
  void* memory = std::calloc(size, 1);
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<std::byte*>(memory);
}

void give_back(std::byte* data, std::size_t) { std::free(data); }
#else
std::byte* reserve(std::size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
    // None of these is vital: limits on locked memory are often below the size of a model.
#if defined(MADV_HUGEPAGE)
  madvise(memory, size, MADV_HUGEPAGE);  // a model's pages are all written, and each costs a fault
#endif
  mlock(memory, size);
#if defined(MADV_DONTDUMP)
  madvise(memory, size, MADV_DONTDUMP);
#endif
#if defined(MADV_WIPEONFORK)
  madvise(memory, size, MADV_WIPEONFORK);
#endif
  return static_cast<std::byte*>(memory);
}

void give_back(std::byte* data, std::size_t size) {
  munlock(data, size);
  munmap(data, size);
}
#endif

}  // namespace

void wipe(std::span<std::byte> memory) noexcept {
  if (memory.empty()) return;
  std::memset(memory.data(), 0, memory.size());
  // Without this the compiler may see that nothing reads it.
  __asm__ __volatile__("" : : "r"(memory.data()) : "memory");
}

#if defined(__GNUC__)
__attribute__((noinline))
#endif
void wipe_stack() noexcept {
  std::byte used[std::size_t{32} << 10];
  wipe(used);
}

Locked::Locked(std::size_t size) : size_(size) {
  if (size > 0) data_ = reserve(size);
}

Locked::Locked(Locked&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Locked& Locked::operator=(Locked&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void Locked::release() noexcept {
  if (data_ == nullptr) return;
  wipe(span());
  give_back(data_, size_);
  data_ = nullptr;
}

Bytes Locked::share(Locked memory) {
  auto owner = std::make_shared<Locked>(std::move(memory));
  const std::span<const std::byte> view = std::as_const(*owner).span();
  return {std::move(owner), view};
}

}  // namespace oko
