#include "oko/weights/fetch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/file_name.h"
#include "oko/storage/bucket/environment.h"
#include "oko/storage/checksum.h"
#include "oko/storage/local/file.h"
#include "oko/storage/places.h"
#include "oko/storage/store.h"
#include "oko/weights/download.h"

namespace oko::weights {
namespace {

namespace http = storage::http;
namespace local = storage::local;

bool is_web(std::string_view url) {
  return url.starts_with("https://") || url.starts_with("http://");
}

std::string name_of(const File& file) {
  const std::string name(file.name());
  return checked_file_name(name, std::string(file.address), "the file");
}

std::string path_of(const File& file, const Options& options) {
  return storage::join(options.folder, name_of(file));
}

std::string source_of(const File& file, const Options& options) {
  if (options.mirror.empty()) return std::string(file.address);
  return storage::join(options.mirror, name_of(file));
}

// What distinguishes the file's content from the known one; "" if nothing does.
std::string fault_of(const std::string& path, const File& file) {
  const Bytes content = storage::map(path);
  if (content.size() != file.size) {
    return fmt::format("it has {} bytes, the known one {}", content.size(), file.size);
  }
  const std::string hash = storage::sha256(content.span());
  if (hash == file.sha256) return {};
  return fmt::format("its SHA-256 is {}, that of the known one {}", hash, file.sha256);
}

void check(const std::string& path, const File& file) {
  if (const std::string fault = fault_of(path, file); !fault.empty()) {
    throw input_error(path, "is another file: " + fault, "remove it; oko then downloads it again");
  }
}

// The unfinished download of a file, for one process at a time.
class Part {
 public:
  explicit Part(const std::string& path) : path_(path + ".part") {
    local::make_folders_for(path_);
    lock();
  }
  const local::File& file() const { return *file_; }
  const std::string& path() const { return path_; }
  void remove() const { ::unlink(path_.c_str()); }

 private:
  // Another process may have renamed or removed it while this one waited.
  void lock() {
    for (;;) {
      file_ = std::make_unique<local::File>(path_, O_RDWR | O_CREAT, "cannot write");
      ::flock(file_->get(), LOCK_EX);  // some network file systems have no locks: no matter
      struct ::stat mine {
      }, there{};
      if (::fstat(file_->get(), &mine) == 0 && ::stat(path_.c_str(), &there) == 0 &&
          mine.st_ino == there.st_ino) {
        return;
      }
    }
  }

  std::string path_;
  std::unique_ptr<local::File> file_;
};

void copy_from_folder(const std::string& source, const File& file, const Part& part,
                      Progress& progress) {
  empty(part.file(), part.path());
  std::uint64_t at = 0;
  storage::read_to(source, 0, file.size + 1, {}, [&](std::span<const std::byte> piece) {
    part.file().write_at(at, piece);
    at += piece.size();
    progress.advance(piece.size());
  });
}

void fill(const std::string& source, const File& file, const Part& part, const Options& options,
          Progress& progress) {
  if (is_web(source)) {
    download(source, file.size, part.file(), options, progress);
  } else {
    copy_from_folder(source, file, part, progress);
  }
}

void fetch(const File& file, const Options& options, Progress& progress) {
  const std::string path = path_of(file, options), source = source_of(file, options);
  const Part part(path);
  if (storage::exists(path)) return part.remove();  // another process has fetched it meanwhile
  const bool continues = part.file().size() > 0;
  progress.begin("downloading " + name_of(file), file.size, "bytes");
  fill(source, file, part, options, progress);
  std::string fault = fault_of(part.path(), file);
  if (!fault.empty() && continues) {  // the beginning may have been that of another version
    empty(part.file(), part.path());
    fill(source, file, part, options, progress);
    fault = fault_of(part.path(), file);
  }
  progress.end();
  if (!fault.empty()) {
    part.remove();
    throw Error(ErrorCode::kStorage, source, "is another file: " + fault);
  }
  part.file().flush();
  local::publish(part.path(), path, {});
}

// How to do without the network.
std::string hint_for(const Known& known, const Options& options) {
  std::string missing;
  int count = 0;
  for (const File& file : known.files) {
    if (storage::exists(path_of(file, options))) continue;
    missing += (count++ == 0 ? "" : " and ") + std::string(file.address);
  }
  return fmt::format("download {} by other means into {}; --from none trains without", missing,
                     options.folder);
}

}  // namespace

Options usual_options() {
  Options options;
  options.folder = storage::cache_folder("weights");
  if (options.folder.empty()) {
    throw Error(ErrorCode::kUsage, "HOME",
                "is not set, so oko has no folder for downloaded weights",
                "set it, or XDG_CACHE_HOME");
  }
  options.mirror = storage::bucket::process_environment("OKO_WEIGHTS_URL");
  if (is_web(options.mirror) && !http::may_carry_secrets(options.mirror)) {
    throw Error(ErrorCode::kUsage, "OKO_WEIGHTS_URL", options.mirror + " is not https",
                "use an https address or a folder");
  }
  return options;
}

std::string place_of(const Known& known, const Options& options) {
  return path_of(known.files.front(), options);
}

bool is_here(const Known& known, const Options& options) {
  return std::ranges::all_of(
      known.files, [&](const File& file) { return storage::exists(path_of(file, options)); });
}

std::string get(const Known& known, Progress& progress, const Options& options) {
  for (const File& file : known.files) {
    const std::string path = path_of(file, options);
    if (!storage::exists(path)) {
      try {
        fetch(file, options, progress);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kStorage && error.code() != ErrorCode::kInput) throw;
        const std::string before = error.hint().empty() ? "" : error.hint() + ", or ";
        throw Error(ErrorCode::kStorage, error.place(), error.message(),
                    before + hint_for(known, options));
      }
    }
    check(path, file);
  }
  return place_of(known, options);
}

}  // namespace oko::weights
