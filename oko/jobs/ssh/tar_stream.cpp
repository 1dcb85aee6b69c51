#include "oko/jobs/ssh/tar_stream.h"

#include <algorithm>

#include "oko/base/error.h"
#include "oko/storage/store.h"
#include "oko/storage/tar.h"

namespace oko::jobs::ssh {
namespace {

constexpr std::uint64_t kPiece = std::uint64_t{256} << 10;

storage::Entry entry_of(const std::string& path) {
  const auto entry = storage::stat(path);
  if (!entry) throw input_error(path, "does not exist");
  return *entry;
}

}  // namespace

TarStream::TarStream(const std::string& from, const std::string& name, Progress& progress)
    : progress_(progress), piece_(kPiece, '\0') {
  const storage::Entry entry = entry_of(from);
  is_folder_ = entry.is_folder;
  if (!is_folder_) files_.push_back({from, name, entry.size});
  if (is_folder_) {
    std::vector<storage::Skipped> skipped;
    for (const storage::Entry& file : storage::list(from, true, &skipped)) {
      const std::string inside = file.uri.substr(storage::join(from, "x").size() - 1);
      files_.push_back({file.uri, storage::join(name, inside), file.size});
    }
    for (const storage::Skipped& one : skipped) {
      progress.line("warning: skipped " + one.uri + ", which " + one.why);
    }
  }
  for (const File& file : files_) bytes_ += file.size;
}

std::string_view TarStream::next() {
  if (left_ > 0) return next_of_file();
  if (!padded_) {
    padded_ = true;
    const std::string_view padding = storage::tar_padding(files_[next_ - 1].size);
    if (!padding.empty()) return padding;
  }
  if (next_ == files_.size()) {
    if (ended_) return {};
    ended_ = true;
    return storage::tar_end();
  }
  const File& file = files_[next_++];
  open_ = std::ifstream(file.path, std::ios::binary);
  if (!open_) throw Error(ErrorCode::kStorage, file.path, "cannot be read");
  left_ = file.size;
  padded_ = false;
  piece_ = storage::tar_header(file.name, file.size);
  return piece_;
}

std::string_view TarStream::next_of_file() {
  piece_.resize(std::min(left_, kPiece));
  open_.read(piece_.data(), static_cast<std::streamsize>(piece_.size()));
  const auto count = static_cast<std::uint64_t>(open_.gcount());
  const bool grew = count == left_ && open_.peek() != std::ifstream::traits_type::eof();
  if (count != piece_.size() || grew) {
    throw input_error(files_[next_ - 1].path, "changed while it was copied", "try again");
  }
  left_ -= count;
  progress_.advance(count);
  return piece_;
}

std::uint64_t bytes_of(const std::string& path) {
  const storage::Entry entry = entry_of(path);
  if (!entry.is_folder) return entry.size;
  std::uint64_t bytes = 0;
  for (const storage::Entry& file : storage::list(path, true)) bytes += file.size;
  return bytes;
}

}  // namespace oko::jobs::ssh
