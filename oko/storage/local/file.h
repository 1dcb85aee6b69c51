#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "oko/storage/store.h"

namespace oko::storage::local {

inline constexpr std::string_view kTemporaryMark = ".oko-part-";

// An Error for errno value `error`: kInput if the file does not exist, else kStorage.
[[noreturn]] void refuse(const std::string& path, const char* doing, int error);

// An open file or folder that closes itself. Throws an input Error for pipes and devices: opening a
// pipe would block.
class File {
 public:
  File(const std::string& path, int flags, const char* doing);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int get() const { return descriptor_; }
  std::uint64_t size() const;
  void write_all(std::span<const std::byte> content) const;
  void write_at(std::uint64_t offset, std::span<const std::byte> content) const;
  // Bytes read; fewer than requested only at the end.
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> content) const;
  void flush() const;
  // Lets the disk begin with these bytes and returns at once: flush() then has less to wait for. It
  // promises nothing.
  void begin_flush(std::uint64_t offset, std::uint64_t count) const;

 private:
  std::string path_;
  int descriptor_;
};

void make_folders_for(const std::string& path);
// Below `folder`, deepest first; links are not followed.
void remove_empty_folders(const std::string& folder);
// A unique name in the folder of `path`.
std::string temporary_name(const std::string& path);
bool is_temporary(std::string_view path);
// Renames a complete, flushed temporary file to `path` if the precondition holds; the folder's
// entry is flushed too. If it throws, the temporary file still exists.
Entry publish(const std::string& temporary, const std::string& path,
              const Precondition& precondition);
std::string folder_of(const std::string& path);
void flush_folder(const std::string& folder);
// "is a named pipe": of what is neither a file nor a folder.
std::string kind_of(unsigned mode);
// The list entry of a file or folder at `path`.
Entry entry_of(const std::string& path, const struct ::stat& info);
// Throws if `path` is neither a file nor a folder: renaming a file to it would replace a device.
void refuse_special(const std::string& path);
std::optional<Entry> stat_path(const std::string& path);

std::unique_ptr<Upload> make_upload(const std::string& path, const Precondition& precondition);
std::unique_ptr<PartUpload> make_part_upload(const std::string& path, std::uint64_t size,
                                             const PartOptions& options);
std::unique_ptr<PartUpload> resume_part_upload(const std::string& token);

}  // namespace oko::storage::local
