#include "oko/runtime/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/file_name.h"

namespace oko::runtime {
namespace {

Error storage_error(const std::string& path, const char* what) {
  return {ErrorCode::kStorage, path, std::string(what) + ": " + std::strerror(errno)};
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  void keep_open() { number_ = -1; }

 private:
  int number_;
};

// Without O_NONBLOCK a named pipe would block.
int open_to_read(const std::string& path) {
  return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

// "" or with its slash.
std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

// Temporary files of `path` are this, a process, '-' and a number. The longest names leave no room
// for that: they are truncated.
constexpr std::size_t kLongestMark = 2 * 20 + 1;
std::string part_prefix(const std::string& path) {
  constexpr std::string_view kMark = ".part";
  const std::size_t longest = kLongestFileName - kMark.size() - kLongestMark;
  return file_name_from(path.substr(folder_of(path).size()), longest) + std::string(kMark);
}

// Another thread or process may be writing the same file.
std::string part_of(const std::string& path) {
  static std::atomic<unsigned> counter{0};
  return folder_of(path) + part_prefix(path) + std::to_string(getpid()) + "-" +
         std::to_string(counter++);
}

// Until then a power cut may undo the rename. It does not matter if it fails: the file is complete
// under either name.
void flush_folder_of(const std::string& path) {
  const std::string folder = folder_of(path);
  const Descriptor descriptor(
      open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() >= 0) fsync(descriptor.get());
}

Bytes map(int descriptor, const std::string& path) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) throw storage_error(path, "cannot be read");
  if (!S_ISREG(status.st_mode)) throw input_error(path, "not a file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return {};
  void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (memory == MAP_FAILED) throw storage_error(path, "cannot be mapped");
  const std::shared_ptr<const void> owner(
      memory, [size](const void* p) { munmap(const_cast<void*>(p), size); });
  return {owner, std::span(static_cast<const std::byte*>(memory), size)};
}

}  // namespace

Bytes map_file(const std::string& path) {
  const Descriptor file(open_to_read(path));
  if (file.get() < 0) {
    if (errno == ENOENT) throw input_error(path, "no such file");
    throw storage_error(path, "cannot be opened");
  }
  return map(file.get(), path);
}

void drop_pages(std::span<const std::byte> part, std::span<const std::byte> mapped) {
#if !defined(__EMSCRIPTEN__)  // whose files are in memory anyway
  const std::byte* first = std::max(part.data(), mapped.data());
  const std::byte* end = std::min(part.data() + part.size(), mapped.data() + mapped.size());
  if (mapped.empty() || first >= end) return;
  const auto before = static_cast<std::size_t>(first - mapped.data()) %
                      static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  first -= before;
  // Only advice: nothing depends on it.
  static_cast<void>(
      madvise(const_cast<std::byte*>(first), static_cast<std::size_t>(end - first), MADV_DONTNEED));
#else
  static_cast<void>(part);
  static_cast<void>(mapped);
#endif
}

std::optional<Bytes> map_if_there(const std::string& path) {
  const Descriptor file(open_to_read(path));
  if (file.get() < 0) return errno == ENOENT ? std::optional<Bytes>(Bytes()) : std::nullopt;
  try {
    return map(file.get(), path);
  } catch (const Error&) {
    return std::nullopt;
  }
}

File::File(std::string path) : path_(std::move(path)), descriptor_(open_to_read(path_)) {
  Descriptor closes(descriptor_);
  if (descriptor_ < 0) {
    if (errno == ENOENT) throw input_error(path_, "no such file");
    throw storage_error(path_, "cannot be opened");
  }
  struct stat status {};
  if (fstat(descriptor_, &status) != 0) throw storage_error(path_, "cannot be read");
  if (!S_ISREG(status.st_mode)) throw input_error(path_, "not a file");
  size_ = static_cast<std::size_t>(status.st_size);
  closes.keep_open();
}

File::~File() { close(descriptor_); }

void File::read_at(std::size_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t count = pread(descriptor_, to.data(), to.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw storage_error(path_, "cannot be read");
    if (count == 0) {
      throw Error(ErrorCode::kStorage, path_, "became shorter while it was read");
    }
    offset += static_cast<std::size_t>(count);
    to = to.subspan(static_cast<std::size_t>(count));
  }
}

NewFile::NewFile(std::string path) : path_(std::move(path)), part_(part_of(path_)) {
  descriptor_ = open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor_ < 0) throw storage_error(part_, "cannot be created");
}

NewFile::~NewFile() {
  close(descriptor_);
  if (!part_.empty()) unlink(part_.c_str());
}

void NewFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw storage_error(part_, "cannot be written");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void NewFile::flush() {
  // Otherwise the new name may survive but its content not.
  if (fsync(descriptor_) != 0) throw storage_error(part_, "cannot be flushed");
}

void NewFile::publish() {
  if (std::rename(part_.c_str(), path_.c_str()) != 0) {
    throw storage_error(path_, "cannot be replaced");
  }
  part_.clear();
  flush_folder_of(path_);
}

void write_whole(const std::string& path, std::span<const std::byte> bytes) {
  NewFile file(path);
  file.write(bytes);
  file.flush();
  file.publish();
}

FolderLock::FolderLock(const std::string& folder)
    : descriptor_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0) throw storage_error(folder, "cannot be opened");
#if !defined(__EMSCRIPTEN__)  // a page's files are its own
  // Where a file system has no locks, whoever uses it alone is as safe.
  while (flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
  }
#endif
}

FolderLock::~FolderLock() { close(descriptor_); }

void remove_abandoned(const std::string& path) {
  const std::string folder = folder_of(path), prefix = part_prefix(path);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(folder.empty() ? "." : folder.c_str()),
                                                    closedir);
  if (!entries) return;
  while (const dirent* entry = readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with(prefix)) continue;
    pid_t process = 0;
    const char* end = name.data() + name.size();
    const auto number = std::from_chars(name.data() + prefix.size(), end, process);
    if (number.ec != std::errc() || number.ptr == end || *number.ptr != '-' || process <= 0)
      continue;
    if (kill(process, 0) != 0 && errno == ESRCH) unlink((folder + entry->d_name).c_str());
  }
}

}  // namespace oko::runtime
