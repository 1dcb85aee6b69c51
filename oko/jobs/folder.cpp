#include "oko/jobs/folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "oko/base/error.h"
#include "oko/storage/store.h"
#include "oko/storage/transfer/transfer.h"

namespace oko::jobs {
namespace {

constexpr std::uint64_t kMostSmall = std::uint64_t{1} << 20, kMostPiece = std::uint64_t{4} << 20,
                        kLogEnd = std::uint64_t{256} << 10;

class StorageFolder final : public Folder {
 public:
  explicit StorageFolder(std::string uri) : uri_(std::move(uri)) {}

  std::string place() const override { return uri_; }

  std::optional<std::string> read(std::string_view name) override {
    const std::string uri = of(name);
    const auto entry = storage::stat(uri);
    if (!entry || entry->is_folder) return std::nullopt;
    if (entry->size > kMostSmall) {
      throw input_error(uri, fmt::format("has {} bytes: it is not a file of a job", entry->size));
    }
    try {
      return storage::read_text(uri);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInput) return std::nullopt;  // removed since
      throw;
    }
  }

  void write(std::string_view name, std::string_view text) override {
    storage::write(of(name), text);
  }

  bool create(std::string_view name, std::string_view text) override {
    const storage::Uri uri(of(name));
    try {
      storage::store_for(uri).write(uri, std::as_bytes(std::span(text)),
                                    storage::Precondition::absent());
      return true;
    } catch (const storage::Conflict&) {
      return false;
    }
  }

  void remove(std::string_view name) override { storage::remove(of(name)); }

  std::string read_from(std::string_view name, std::uint64_t offset) override {
    const std::uint64_t there = size(name);
    if (there <= offset) return {};
    const Bytes piece = storage::read_range(of(name), offset, std::min(there - offset, kMostPiece));
    return std::string(reinterpret_cast<const char*>(piece.data()), piece.size());
  }

  std::uint64_t size(std::string_view name) override {
    const auto entry = storage::stat(of(name));
    return entry && !entry->is_folder ? entry->size : 0;
  }

  void put(const std::string& from, std::string_view name, Progress& progress) override {
    copy(from, of(name), progress);
  }
  void fetch(std::string_view name, const std::string& to, Progress& progress) override {
    copy(of(name), to, progress);
  }

 private:
  std::string of(std::string_view name) const { return storage::join(uri_, name); }

  static void copy(const std::string& from, const std::string& to, Progress& progress) {
    const auto entry = storage::stat(from);
    if (!entry) throw input_error(from, "does not exist");
    const storage::TransferSummary done = entry->is_folder
                                              ? storage::transfer_folder(from, to, {}, progress)
                                              : storage::transfer_files({{from, to}}, {}, progress);
    if (!done.errors.empty()) throw done.errors.front();
  }

  std::string uri_;
};

}  // namespace

std::string log_name(int worker) { return fmt::format("logs/worker-{}.log", worker); }

std::string json_file(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string_view last_lines(std::string_view text, int lines) {
  std::size_t start = text.size();
  for (int count = 0; start > 0; --start) {
    if (text[start - 1] == '\n' && start != text.size() && ++count >= lines) break;
  }
  return text.substr(start);
}

std::string last_lines(Folder& folder, std::string_view name, int lines) {
  const std::uint64_t size = folder.size(name);
  const std::string text = folder.read_from(name, size - std::min(size, kLogEnd));
  return std::string(last_lines(text, lines));
}

std::unique_ptr<Folder> open_folder(const std::string& uri) {
  return std::make_unique<StorageFolder>(uri);
}

}  // namespace oko::jobs
