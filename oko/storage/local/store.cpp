#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "oko/base/error.h"
#include "oko/storage/local/file.h"
#include "oko/storage/local/local.h"
#include "oko/storage/local/walk.h"

namespace oko::storage {
namespace {

namespace fs = std::filesystem;
using local::File;
using local::refuse;

class LocalStore final : public Store {
 public:
  Bytes read(const Uri& uri, const std::string& version) override {
    const File file(uri.path(), O_RDONLY, "cannot open");
    check_version(file, uri, version);
    return read_from(file, 0, file.size());
  }

  Bytes read_range(const Uri& uri, std::uint64_t offset, std::uint64_t count,
                   const std::string& version) override {
    const File file(uri.path(), O_RDONLY, "cannot open");
    check_version(file, uri, version);
    const std::uint64_t size = file.size();
    if (offset >= size) return {};
    return read_from(file, offset, std::min(count, size - offset));
  }

  void read_to(const Uri& uri, std::uint64_t offset, std::uint64_t count,
               const std::string& version, const Sink& sink) override {
    const File file(uri.path(), O_RDONLY, "cannot open");
    check_version(file, uri, version);
    const std::uint64_t size = file.size();
    if (offset >= size) return;
    count = std::min(count, size - offset);
    std::vector<std::byte> piece(std::min<std::uint64_t>(count, 1 << 20));
    while (count > 0) {
      const std::size_t n = file.read_at(
          offset, std::span(piece).first(std::min<std::uint64_t>(count, piece.size())));
      if (n == 0) throw Conflict(uri.text());  // it shrank in the meantime
      sink(std::span(piece).first(n));
      offset += n;
      count -= n;
    }
  }

  Bytes map(const Uri& uri) override {
    const File file(uri.path(), O_RDONLY, "cannot open");
    const std::size_t size = file.size();
    if (size == 0) return {};
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (address == MAP_FAILED) return read(uri, {});
    std::shared_ptr<const void> owner(address, [size](void* p) { ::munmap(p, size); });
    return Bytes(owner, {static_cast<const std::byte*>(address), size});
  }

  Entry write(const Uri& uri, std::span<const std::byte> content,
              const Precondition& precondition) override {
    const auto file = upload(uri, precondition);
    file->write(content);
    return file->finish();
  }

  std::unique_ptr<Upload> upload(const Uri& uri, const Precondition& precondition) override {
    return local::make_upload(uri.path(), precondition);
  }

  std::unique_ptr<PartUpload> upload_parts(const Uri& uri, std::uint64_t size,
                                           const PartOptions& options) override {
    return local::make_part_upload(uri.path(), size, options);
  }

  std::unique_ptr<PartUpload> resume_parts(const std::string& token) override {
    return local::resume_part_upload(token);
  }

  void append(const Uri& uri, std::span<const std::byte> content) override {
    const std::string& path = uri.path();
    local::make_folders_for(path);
    const File file(path, O_WRONLY | O_CREAT | O_APPEND, "cannot write");
    file.write_all(content);
  }

  std::optional<Entry> stat(const Uri& uri) override {
    auto entry = local::stat_path(uri.path());
    if (entry) entry->uri = uri.text();
    return entry;
  }

  std::vector<Entry> list(const Uri& uri, bool recursive, std::vector<Skipped>* skipped) override {
    std::vector<Skipped> unwanted;
    return sorted(local::walk(uri.path(), recursive, skipped == nullptr ? unwanted : *skipped));
  }

  Page list_page(const Uri& uri, bool recursive, const std::string&) override {
    // The folder is listed, skipping what does not start with the rest of the prefix.
    const std::string& prefix = uri.path();
    const auto slash = prefix.find_last_of('/');
    const std::string folder = slash == prefix.npos ? "." : prefix.substr(0, slash + 1);
    const auto there = local::stat_path(folder);
    Page page;
    if (!there || !there->is_folder) return page;
    page.entries = sorted(local::walk(folder, recursive, page.skipped));
    for (Entry& entry : page.entries) {
      if (slash == prefix.npos) entry.uri.erase(0, 2);  // "./"
      if (uri.text().starts_with("file://")) entry.uri.insert(0, "file://");
    }
    std::erase_if(page.entries,
                  [&](const Entry& entry) { return !entry.uri.starts_with(uri.text()); });
    return page;
  }

  Entry copy(const Uri& from, const Uri& to, const Precondition& precondition) override {
    return compose({from}, to, precondition);
  }

  Entry compose(const std::vector<Uri>& from, const Uri& to,
                const Precondition& precondition) override {
    const auto file = upload(to, precondition);
    for (const Uri& part : from) {
      read_to(part, 0, kToTheEnd, {},
              [&](std::span<const std::byte> piece) { file->write(piece); });
    }
    return file->finish();
  }

  void remove(const Uri& uri) override {
    const std::string& path = uri.path();
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) refuse(path, "cannot remove", errno);
  }

  void remove_many(const std::vector<Uri>& uris) override {
    for (const Uri& uri : uris) remove(uri);
  }

  void make_bucket(const Uri& uri, const BucketOptions&) override {
    const std::string& path = uri.path();
    if (local::stat_path(path)) {
      throw Error(ErrorCode::kStorage, uri.text(), "already exists",
                  "use it, or choose another name");
    }
    std::error_code error;
    fs::create_directories(path, error);
    if (error) refuse(path, "cannot create the folder", error.value());
  }

 private:
  static std::vector<Entry> sorted(std::vector<Entry> entries) {
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.uri < b.uri; });
    return entries;
  }

  static Bytes read_from(const File& file, std::uint64_t offset, std::uint64_t count) {
    std::vector<std::byte> content(count);
    content.resize(file.read_at(offset, content));  // shorter if the file shrank in the meantime
    return Bytes(std::move(content));
  }

  static void check_version(const File& file, const Uri& uri, const std::string& version) {
    if (version.empty()) return;
    const auto there = local::stat_path("/proc/self/fd/" + std::to_string(file.get()));
    if (!there || there->version != version) throw Conflict(uri.text());
  }
};

}  // namespace

std::unique_ptr<Store> make_local_store() { return std::make_unique<LocalStore>(); }

}  // namespace oko::storage
