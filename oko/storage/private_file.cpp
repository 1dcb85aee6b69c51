#include "oko/storage/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "oko/base/error.h"
#include "oko/base/spawn.h"

namespace oko::storage {
namespace {

constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR, kOthers = S_IRWXG | S_IRWXO;
constexpr std::size_t kLargest = std::size_t{1} << 20;

Error storage_error(const std::string& path, const char* what) {
  return {ErrorCode::kStorage, path, std::string(what) + ": " + std::strerror(errno)};
}

}  // namespace

void write_private_file(const std::string& path, std::string_view text) {
  std::error_code ignored;  // the file then cannot be created either
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerOnly));
  if (!file.open()) {
    if (errno != EEXIST) throw storage_error(path, "cannot be created");
    throw Error(ErrorCode::kUsage, path, "already exists, and keys are not overwritten",
                "choose another name, or delete it if nothing needs it any more");
  }
  while (!text.empty()) {
    const ssize_t written = write(file.number(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const Error error = storage_error(path, "cannot be written");
      unlink(path.c_str());
      throw error;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (fsync(file.number()) != 0) {
    const Error error = storage_error(path, "cannot be flushed");
    unlink(path.c_str());
    throw error;
  }
}

std::string read_private_file(const std::string& path) {
  // Without O_NONBLOCK a named pipe would block.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.open()) {
    if (errno == ENOENT) throw input_error(path, "no such file");
    throw storage_error(path, "cannot be opened");
  }
  struct stat status {};
  if (fstat(file.number(), &status) != 0) throw storage_error(path, "cannot be read");
  if (!S_ISREG(status.st_mode)) throw input_error(path, "not a file");
  if ((status.st_mode & kOthers) != 0) {
    throw Error(ErrorCode::kUsage, path, "other users may read this key", "chmod 600 " + path);
  }
  if (static_cast<std::size_t>(status.st_size) > kLargest) {
    throw input_error(path, "is too large for a key");
  }
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t at = 0;
  while (at < text.size()) {
    const ssize_t count = read(file.number(), text.data() + at, text.size() - at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw storage_error(path, "cannot be read");
    if (count == 0) break;
    at += static_cast<std::size_t>(count);
  }
  text.resize(at);
  return text;
}

}  // namespace oko::storage
