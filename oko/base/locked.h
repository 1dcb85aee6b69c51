#pragma once

#include <cstddef>
#include <span>

#include "oko/base/bytes.h"

namespace oko {

// Overwrites memory with zeros, even if nothing reads it afterwards.
void wipe(std::span<std::byte> memory) noexcept;
// The same with the 32 KiB of the stack that the functions called before this one may have used.
void wipe_stack() noexcept;

// Memory for what must not outlive its use, such as a sealed model: kept out of swap and of core
// dumps and zero in child processes, where the system allows it; overwritten with zeros before it
// is given back.
class Locked {
 public:
  Locked() = default;
  // Zeros. Throws std::bad_alloc.
  explicit Locked(std::size_t size);
  Locked(Locked&& other) noexcept;
  Locked& operator=(Locked&& other) noexcept;
  ~Locked() { release(); }

  std::size_t size() const { return size_; }
  std::span<std::byte> span() { return {data_, size_}; }
  std::span<const std::byte> span() const { return {data_, size_}; }

  // The same memory as immutable bytes; overwritten when the last copy is gone.
  static Bytes share(Locked memory);

 private:
  void release() noexcept;

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace oko
