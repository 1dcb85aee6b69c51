#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "oko/base/threads.h"

namespace oko::package {

// Compresses a stream on several threads into a gzip file (RFC 1952): members of 1 MiB of content
// each, which readers concatenate. The bytes depend on the content and on zlib's version only, not
// on the threads or on how the content is cut into writes.
class GzipWriter {
 public:
  using Sink = std::function<void(std::span<const std::byte>)>;
  explicit GzipWriter(Sink sink);

  void write(std::span<const std::byte> content);
  // Writes what is left; nothing may be written after it.
  void finish();

 private:
  void flush();

  Sink sink_;
  ThreadPool pool_;
  std::vector<std::byte> waiting_;
  bool is_empty_ = true;  // so far
};

}  // namespace oko::package
