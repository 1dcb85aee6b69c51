#include "oko/storage/local/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <system_error>
#include <vector>

#include "oko/base/file_name.h"

namespace oko::storage::local {
namespace fs = std::filesystem;

void refuse(const std::string& path, const char* doing, int error) {
  const bool absent = error == ENOENT || error == ENOTDIR || error == EISDIR;
  std::string hint;
  if (error == ENOENT) hint = "check the name";
  if (error == ENOSPC) hint = "free some disk space";
  if (error == EACCES || error == EPERM) hint = "check its owner and permissions";
  throw Error(absent ? ErrorCode::kInput : ErrorCode::kStorage, path,
              std::string(doing) + ": " + std::strerror(error), hint);
}

std::string kind_of(unsigned mode) {
  if (S_ISFIFO(mode)) return "is a named pipe";
  if (S_ISSOCK(mode)) return "is a socket";
  return S_ISCHR(mode) || S_ISBLK(mode) ? "is a device" : "is neither a file nor a folder";
}

namespace {

[[noreturn]] void refuse_kind(const std::string& path, unsigned mode) {
  throw input_error(path, kind_of(mode) + ", not a file", "give a file");
}

}  // namespace

void refuse_special(const std::string& path) {
  struct ::stat info {};
  if (::stat(path.c_str(), &info) != 0) return;
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) refuse_kind(path, info.st_mode);
}

File::File(const std::string& path, int flags, const char* doing)
    : path_(path), descriptor_(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, 0644)) {
  const int error = errno;
  struct ::stat info {};
  const bool known =
      (descriptor_ < 0 ? ::stat(path.c_str(), &info) : ::fstat(descriptor_, &info)) == 0;
  if (known && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    if (descriptor_ >= 0) ::close(descriptor_);
    refuse_kind(path, info.st_mode);
  }
  if (descriptor_ < 0) refuse(path, doing, error);
}

File::~File() { ::close(descriptor_); }

std::uint64_t File::size() const {
  struct ::stat info {};
  if (::fstat(descriptor_, &info) != 0) refuse(path_, "cannot read", errno);
  if (S_ISDIR(info.st_mode)) refuse(path_, "cannot read", EISDIR);
  return static_cast<std::uint64_t>(info.st_size);
}

void File::write_all(std::span<const std::byte> content) const {
  while (!content.empty()) {
    const ssize_t n = ::write(descriptor_, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse(path_, "cannot write", errno);
    content = content.subspan(static_cast<std::size_t>(n));
  }
}

void File::write_at(std::uint64_t offset, std::span<const std::byte> content) const {
  while (!content.empty()) {
    const ssize_t n =
        ::pwrite(descriptor_, content.data(), content.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse(path_, "cannot write", errno);
    content = content.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

std::size_t File::read_at(std::uint64_t offset, std::span<std::byte> content) const {
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = ::pread(descriptor_, content.data() + done, content.size() - done,
                              static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse(path_, "cannot read", errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

void File::flush() const {
  if (::fsync(descriptor_) != 0) refuse(path_, "cannot write", errno);
}

void File::begin_flush(std::uint64_t offset, std::uint64_t count) const {
#ifdef SYNC_FILE_RANGE_WRITE
  ::sync_file_range(descriptor_, static_cast<off64_t>(offset), static_cast<off64_t>(count),
                    SYNC_FILE_RANGE_WRITE);
#else
  static_cast<void>(offset + count);
#endif
}

void make_folders_for(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  if (folder.empty()) return;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) refuse(folder.string(), "cannot create the folder", error.value());
}

void remove_empty_folders(const std::string& folder) {
  std::error_code error;
  std::vector<fs::path> folders;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->symlink_status(ignored).type() == fs::file_type::directory) folders.push_back(*it);
  }
  // A folder comes before its contents. rmdir() fails for those that are not empty.
  for (auto it = folders.rbegin(); it != folders.rend(); ++it) ::rmdir(it->c_str());
}

std::string temporary_name(const std::string& path) {
  // Several machines may write to one shared folder: the process id alone is not unique.
  static const unsigned machine = std::random_device{}();
  static std::atomic<unsigned> counter{0};
  char unique[48];
  std::snprintf(unique, sizeof unique, "%08x-%d-%u", machine, static_cast<int>(::getpid()),
                counter++);
  const fs::path whole(path);
  // The longest names leave no room for more: the suffix is unique by itself.
  const std::string mark = std::string(kTemporaryMark) + unique;
  const std::size_t room = kLongestFileName - mark.size() - std::string_view(". .done").size();
  const std::string name = "." + file_name_from(whole.filename().string(), room) + mark;
  return (whole.parent_path() / name).string();
}

bool is_temporary(std::string_view path) {
  const auto slash = path.find_last_of('/');
  const std::string_view name = slash == path.npos ? path : path.substr(slash + 1);
  return name.starts_with('.') && name.find(kTemporaryMark) != name.npos;
}

std::optional<Entry> stat_path(const std::string& path) {
  struct ::stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    refuse(path, "cannot access", errno);
  }
  return entry_of(path, info);
}

Entry entry_of(const std::string& path, const struct ::stat& info) {
  Entry entry;
  entry.uri = path;
  entry.is_folder = S_ISDIR(info.st_mode);
  if (entry.is_folder) return entry;
  entry.size = static_cast<std::uint64_t>(info.st_size);
  char version[96];
  std::snprintf(version, sizeof version, "%lld.%09ld-%llu-%llu",
                static_cast<long long>(info.st_mtim.tv_sec), info.st_mtim.tv_nsec,
                static_cast<unsigned long long>(info.st_size),
                static_cast<unsigned long long>(info.st_ino));
  entry.version = version;
  return entry;
}

namespace {

// Flushes folders for several threads at once. What was renamed before a flush starts is safe when
// it ends, so threads that arrive during one wait for the next, which one of them does for all:
// many small files in one folder cost few flushes.
class FolderFlush {
 public:
  // After a rename in the folder that is open as `directory`.
  void flush(const File& directory) {
    struct ::stat info {};
    if (::fstat(directory.get(), &info) != 0) return;
    std::unique_lock lock(mutex_);
    Turn& turn = turns_[{info.st_dev, info.st_ino}];
    const std::uint64_t needed = turn.begun + 1;
    ++turn.users;
    while (turn.ended < needed) {
      if (turn.running) {
        changed_.wait(lock);
        continue;
      }
      turn.running = true;
      const std::uint64_t mine = ++turn.begun;
      lock.unlock();
      ::fsync(directory.get());  // some file systems cannot; the file itself is safe by now
      lock.lock();
      turn.running = false;
      turn.ended = mine;
      changed_.notify_all();
    }
    if (--turn.users == 0) turns_.erase({info.st_dev, info.st_ino});
  }

 private:
  struct Turn {
    std::uint64_t begun = 0, ended = 0;  // flushes
    bool running = false;
    int users = 0;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<dev_t, ino_t>, Turn> turns_;
};

void check(const std::string& path, const Precondition& precondition) {
  const auto there = stat_path(path);
  const bool holds =
      precondition.is_absent() ? !there : there && there->version == precondition.wanted_version();
  if (!holds) throw Conflict(path);
}

void flush(const File& directory) {
  static FolderFlush folders;
  folders.flush(directory);
}

}  // namespace

std::string folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

void flush_folder(const std::string& folder) {
  flush(File(folder, O_RDONLY | O_DIRECTORY, "cannot open the folder"));
}

Entry publish(const std::string& temporary, const std::string& path,
              const Precondition& precondition) {
  const std::string where = folder_of(path);
  const File directory(where, O_RDONLY | O_DIRECTORY, "cannot open the folder");
  if (!precondition.any()) {
    if (::flock(directory.get(), LOCK_EX) != 0) refuse(where, "cannot lock the folder", errno);
    check(path, precondition);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) refuse(path, "cannot write", errno);
  flush(directory);
  auto entry = stat_path(path);
  if (!entry) throw Conflict(path);
  return *std::move(entry);
}

}  // namespace oko::storage::local
