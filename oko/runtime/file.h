#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "oko/base/bytes.h"

// The phone engine's own file access: an app may open a model by name.
namespace oko::runtime {

// The file's bytes, memory-mapped. Throws an input Error if it is missing, a storage Error if it
// cannot be read.
Bytes map_file(const std::string& path);
// The same without an Error: empty if there is nothing, null if it cannot be read or is not a file.
std::optional<Bytes> map_if_there(const std::string& path);
// Frees the memory of pages with bytes of `part`, if they are in `mapped`, a file mapped by the
// functions here: they are read again if they are needed.
void drop_pages(std::span<const std::byte> part, std::span<const std::byte> mapped);

// A file that is read in parts rather than mapped: its size may change meanwhile, which is then an
// Error and not a signal.
class File {
 public:
  // Throws as map_file().
  explicit File(std::string path);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  std::size_t size() const { return size_; }  // when it was opened
  // Throws a storage Error if it cannot be read or has become shorter.
  void read_at(std::size_t offset, std::span<std::byte> to) const;

 private:
  std::string path_;
  int descriptor_;
  std::size_t size_ = 0;
};

// A file that is written atomically, even across a power failure: to a temporary file beside it,
// flushed, then renamed. Throws a storage Error. Without publish() nothing is left, unless the
// process is killed: see remove_abandoned().
class NewFile {
 public:
  explicit NewFile(std::string path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  const std::string& part() const { return part_; }  // the temporary file
  void write(std::span<const std::byte> bytes);
  void flush();
  void publish();  // after flush()

 private:
  std::string path_, part_;
  int descriptor_;
};

// The same of bytes that are all there.
void write_whole(const std::string& path, std::span<const std::byte> bytes);

// Keeps other processes and threads out of what they would do to the folder with a lock of it.
// Throws a storage Error if there is no such folder.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

// Removes what processes that were killed left of NewFile(path).
void remove_abandoned(const std::string& path);

}  // namespace oko::runtime
