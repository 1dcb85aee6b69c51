#include "oko/storage/local.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "oko/base/error.h"

namespace oko::storage {
namespace {

namespace fs = std::filesystem;

std::string path_of(std::string_view uri) {
  if (uri.starts_with("file://")) uri.remove_prefix(7);
  return std::string(uri);
}

[[noreturn]] void refuse(const std::string& path, const char* doing, int error) {
  const bool absent = error == ENOENT || error == ENOTDIR || error == EISDIR;
  std::string mend;
  if (error == ENOENT) mend = "check the name";
  if (error == ENOSPC) mend = "free some disk space";
  if (error == EACCES || error == EPERM) mend = "check who owns it and its permissions";
  throw Error(absent ? ErrorCode::kInput : ErrorCode::kStorage, path,
              std::string(doing) + ": " + std::strerror(error), mend);
}

// An open file descriptor that closes itself.
class File {
 public:
  File(const std::string& path, int flags, const char* doing)
      : path_(path), descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) refuse(path, doing, errno);
  }
  ~File() { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int get() const { return descriptor_; }

  std::uint64_t size() const {
    struct ::stat info {};
    if (::fstat(descriptor_, &info) != 0) refuse(path_, "cannot read", errno);
    if (S_ISDIR(info.st_mode)) refuse(path_, "cannot read", EISDIR);
    return static_cast<std::uint64_t>(info.st_size);
  }

  void write_all(std::span<const std::byte> content) const {
    while (!content.empty()) {
      const ssize_t n = ::write(descriptor_, content.data(), content.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) refuse(path_, "cannot write", errno);
      content = content.subspan(static_cast<std::size_t>(n));
    }
  }

 private:
  std::string path_;
  int descriptor_;
};

void make_folders_for(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  if (folder.empty()) return;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) refuse(folder.string(), "cannot make the folder", error.value());
}

class LocalStore final : public Store {
 public:
  Bytes read(const std::string& uri) override {
    const std::string path = path_of(uri);
    const File file(path, O_RDONLY, "cannot open");
    return read_from(file, path, 0, file.size());
  }

  Bytes read_range(const std::string& uri, std::uint64_t offset, std::uint64_t count) override {
    const std::string path = path_of(uri);
    const File file(path, O_RDONLY, "cannot open");
    const std::uint64_t size = file.size();
    if (offset >= size) return {};
    return read_from(file, path, offset, std::min(count, size - offset));
  }

  Bytes map(const std::string& uri) override {
    const std::string path = path_of(uri);
    const File file(path, O_RDONLY, "cannot open");
    const std::size_t size = file.size();
    if (size == 0) return {};
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (address == MAP_FAILED) return read(uri);
    std::shared_ptr<const void> owner(address, [size](void* p) { ::munmap(p, size); });
    return Bytes(owner, {static_cast<const std::byte*>(address), size});
  }

  void write(const std::string& uri, std::span<const std::byte> content) override {
    const std::string path = path_of(uri);
    make_folders_for(path);
    static std::atomic<unsigned> counter{0};
    const std::string temporary =
        path + ".part-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    try {
      const File file(temporary, O_WRONLY | O_CREAT | O_TRUNC, "cannot write");
      file.write_all(content);
      if (::fsync(file.get()) != 0) refuse(path, "cannot write", errno);
      if (::rename(temporary.c_str(), path.c_str()) != 0) refuse(path, "cannot write", errno);
    } catch (...) {
      ::unlink(temporary.c_str());
      throw;
    }
  }

  void append(const std::string& uri, std::span<const std::byte> content) override {
    const std::string path = path_of(uri);
    make_folders_for(path);
    const File file(path, O_WRONLY | O_CREAT | O_APPEND, "cannot write");
    file.write_all(content);
  }

  std::optional<Entry> stat(const std::string& uri) override {
    const std::string path = path_of(uri);
    struct ::stat info {};
    if (::stat(path.c_str(), &info) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
      refuse(path, "cannot look at", errno);
    }
    return Entry{uri, S_ISDIR(info.st_mode) ? 0 : static_cast<std::uint64_t>(info.st_size),
                 S_ISDIR(info.st_mode),
                 std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec)};
  }

  std::vector<Entry> list(const std::string& uri, bool recursive) override {
    const std::string path = path_of(uri);
    std::vector<Entry> entries;
    try {
      const auto add = [&](const fs::directory_entry& found) {
        const bool folder = found.is_directory();
        if (recursive && folder) return;
        if (auto entry = stat(found.path().string())) entries.push_back(std::move(*entry));
      };
      if (recursive) {
        for (const auto& found : fs::recursive_directory_iterator(path)) add(found);
      } else {
        for (const auto& found : fs::directory_iterator(path)) add(found);
      }
    } catch (const fs::filesystem_error& e) {
      refuse(path, "cannot list the folder", e.code().value());
    }
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.uri < b.uri; });
    return entries;
  }

  void copy(const std::string& from, const std::string& to) override {
    write(to, map(from).span());
  }

  void remove(const std::string& uri) override {
    const std::string path = path_of(uri);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) refuse(path, "cannot remove", errno);
  }

 private:
  static Bytes read_from(const File& file, const std::string& path, std::uint64_t offset,
                         std::uint64_t count) {
    std::vector<std::byte> content(count);
    std::size_t done = 0;
    while (done < count) {
      const ssize_t n = ::pread(file.get(), content.data() + done, count - done,
                                static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) refuse(path, "cannot read", errno);
      if (n == 0) break;  // the file shrank meanwhile
      done += static_cast<std::size_t>(n);
    }
    content.resize(done);
    return Bytes(std::move(content));
  }
};

}  // namespace

std::unique_ptr<Store> make_local_store() { return std::make_unique<LocalStore>(); }

}  // namespace oko::storage
