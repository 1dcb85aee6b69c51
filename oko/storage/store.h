#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/bytes.h"

namespace oko::storage {

struct Entry {
  std::string uri;
  std::uint64_t size = 0;
  bool is_folder = false;
  // Changes whenever the content does: modification time on disk, generation or ETag in a bucket.
  std::string version;
};

// One kind of place where files live. Every function may be called from several threads.
// Failures throw Error with kStorage (or kInput where the file named by a user is not there).
class Store {
 public:
  virtual ~Store() = default;
  virtual Bytes read(const std::string& uri) = 0;
  // At most `count` bytes from `offset`; fewer only at the end of the file.
  virtual Bytes read_range(const std::string& uri, std::uint64_t offset, std::uint64_t count) = 0;
  // The whole file without copying it where the place allows (mmap), else read().
  virtual Bytes map(const std::string& uri) { return read(uri); }
  // Replaces the whole file or leaves it as it was: never half a file under its final name.
  // Folders on the way are made.
  virtual void write(const std::string& uri, std::span<const std::byte> content) = 0;
  // Adds to the end, making the file where it is missing. Used for logs, whole lines at a time.
  virtual void append(const std::string& uri, std::span<const std::byte> content) = 0;
  virtual std::optional<Entry> stat(const std::string& uri) = 0;
  // Entries in a folder, sorted by URI; `recursive` descends and lists files only.
  virtual std::vector<Entry> list(const std::string& uri, bool recursive) = 0;
  virtual void copy(const std::string& from, const std::string& to) = 0;
  virtual void remove(const std::string& uri) = 0;  // a missing file is no error
};

// The store that serves a URI by its scheme: plain paths and file:// now.
Store& store_for(std::string_view uri);

// The same operations by URI alone.
Bytes read(const std::string& uri);
Bytes map(const std::string& uri);
std::string read_text(const std::string& uri);
void write(const std::string& uri, std::span<const std::byte> content);
void write(const std::string& uri, std::string_view text);
void append(const std::string& uri, std::string_view text);
std::optional<Entry> stat(const std::string& uri);
bool exists(const std::string& uri);
std::vector<Entry> list(const std::string& uri, bool recursive = false);
void copy(const std::string& from, const std::string& to);
void remove(const std::string& uri);

// Names. They work on text alone and on every scheme.
std::string join(std::string_view folder, std::string_view name);  // an absolute name stays as it is
std::string parent(std::string_view uri);
std::string filename(std::string_view uri);
std::string stem(std::string_view uri);       // filename without its last extension
std::string extension(std::string_view uri);  // lower case with the dot: ".jpg"; "" without one

// SHA-256 of some bytes in lower-case hexadecimal.
std::string sha256(std::span<const std::byte> content);

}  // namespace oko::storage
