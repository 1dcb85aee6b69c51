#include "oko/storage/local/many_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <utility>

#include "oko/storage/local/file.h"

namespace oko::storage::local {
namespace {

constexpr std::size_t kGroup = 256;
constexpr std::uint64_t kGroupBytes = std::uint64_t{32} << 20;

// 0, or the errno of what failed.
int flush_file(const std::string& path, bool with_all_its_file_system) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno;
#ifdef __linux__
  const int result = with_all_its_file_system ? ::syncfs(file) : ::fsync(file);
#else
  const int result = with_all_its_file_system ? (errno = ENOSYS, -1) : ::fsync(file);
#endif
  const int error = result == 0 ? 0 : errno;
  ::close(file);
  return error;
}

}  // namespace

// Not kept open: there may be more of them than a process may have open.
struct ManyFiles::Waiting {
  Waiting(const std::string& path_of_file, std::span<const std::byte> content, Outcome what_then)
      : path(path_of_file), temporary(temporary_name(path)), outcome(std::move(what_then)) {
    try {
      File(temporary, O_WRONLY | O_CREAT | O_EXCL, "cannot write").write_all(content);
    } catch (...) {
      ::unlink(temporary.c_str());
      throw;
    }
  }
  ~Waiting() {
    if (!named) ::unlink(temporary.c_str());
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  std::string path, temporary;
  Outcome outcome;
  bool flushed = false, named = false;
};

ManyFiles::ManyFiles() = default;
ManyFiles::~ManyFiles() { flush(); }

void ManyFiles::write(const std::string& path, std::span<const std::byte> content,
                      Outcome outcome) {
  refuse_special(path);
  make_folders_for(path);
  auto waiting = std::make_unique<Waiting>(path, content, std::move(outcome));
  std::vector<std::unique_ptr<Waiting>> group;
  {
    const std::lock_guard lock(mutex_);
    group_.push_back(std::move(waiting));
    group_bytes_ += content.size();
    if (group_.size() < kGroup && group_bytes_ < kGroupBytes) return;
    group = std::exchange(group_, {});
    group_bytes_ = 0;
  }
  finish(std::move(group));
}

// Flushes the content of all files. If possible by flushing their file systems, which costs about
// as much as flushing one file (and includes what other programs have written).
void ManyFiles::flush_content(const std::vector<std::unique_ptr<Waiting>>& group) {
  std::map<dev_t, bool> flushed;
  for (const auto& waiting : group) {
    struct ::stat info {};
    if (::stat(waiting->temporary.c_str(), &info) != 0) continue;
    auto [on, is_new] = flushed.try_emplace(info.st_dev, false);
    if (is_new) on->second = flush_file(waiting->temporary, true) == 0;
    waiting->flushed = on->second;
  }
}

void ManyFiles::finish(std::vector<std::unique_ptr<Waiting>> group) {
  flush_content(group);
  std::set<std::string> folders;
  for (const auto& waiting : group) {
    try {
      if (const int error = waiting->flushed ? 0 : flush_file(waiting->temporary, false)) {
        refuse(waiting->path, "cannot write", error);
      }
      if (::rename(waiting->temporary.c_str(), waiting->path.c_str()) != 0) {
        refuse(waiting->path, "cannot write", errno);
      }
      waiting->named = true;
      folders.insert(folder_of(waiting->path));
      const auto entry = stat_path(waiting->path);
      if (!entry) throw Conflict(waiting->path);
      waiting->outcome.made(*entry);
    } catch (const Error& error) {
      waiting->outcome.failed(error);
    }
  }
  const std::lock_guard lock(mutex_);
  folders_.merge(folders);
}

void ManyFiles::flush() {
  std::vector<std::unique_ptr<Waiting>> group;
  {
    const std::lock_guard lock(mutex_);
    group = std::exchange(group_, {});
    group_bytes_ = 0;
  }
  finish(std::move(group));
  const std::lock_guard lock(mutex_);
  for (const std::string& folder : folders_) {
    try {
      flush_folder(folder);
    } catch (const Error&) {
      // The folder was removed.
    }
  }
  folders_.clear();
}

}  // namespace oko::storage::local
