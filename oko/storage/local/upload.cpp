#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <mutex>

#include "oko/storage/checksum.h"
#include "oko/storage/local/file.h"
#include "oko/storage/part_plan.h"

namespace oko::storage::local {
namespace {

constexpr int kMostParts = 100'000;
constexpr std::uint64_t kSmallestPart = 4096;

class LocalUpload final : public Upload {
 public:
  LocalUpload(const std::string& path, const Precondition& precondition)
      : path_(path),
        precondition_(precondition),
        temporary_(temporary_name(path)),
        file_(temporary_, O_WRONLY | O_CREAT | O_EXCL, "cannot write") {}
  ~LocalUpload() override {
    if (!finished_) ::unlink(temporary_.c_str());
  }

  void write(std::span<const std::byte> content) override { file_.write_all(content); }

  Entry finish() override {
    file_.flush();
    Entry entry = publish(temporary_, path_, precondition_);
    finished_ = true;
    return entry;
  }

 private:
  std::string path_;
  Precondition precondition_;
  std::string temporary_;
  File file_;
  bool finished_ = false;
};

// Stored parts are recorded in a second file, TEMPORARY.done: "INDEX CRC32C" per line, written
// after the part. After a crash every recorded part is read and compared, since the disk may have
// kept the line but lost the part.
class LocalParts final : public PartUpload {
 public:
  // The plan's `id` is the temporary file.
  explicit LocalParts(PartPlan plan)
      : plan_(std::move(plan)),
        file_(plan_.id, O_RDWR | O_CREAT, "cannot write"),
        done_file_(done_name(), O_RDWR | O_CREAT | O_APPEND, "cannot write"),
        stored_(static_cast<std::size_t>(plan_.part_count())) {
    if (::ftruncate(file_.get(), static_cast<off_t>(plan_.size)) != 0) {
      refuse(plan_.uri, "cannot write", errno);
    }
    remember();
  }
  ~LocalParts() override {
    if (keep_) return;
    ::unlink(done_name().c_str());
    ::unlink(plan_.id.c_str());  // already gone if it was published
  }

  std::uint64_t part_size() const override { return plan_.part_size; }
  int part_count() const override { return static_cast<int>(stored_.size()); }

  std::string token() const override { return plan_.token(); }

  bool has(int part) const override {
    const std::lock_guard lock(mutex_);
    return stored_.at(static_cast<std::size_t>(part));
  }

  void write(int part, std::span<const std::byte> content) override {
    plan_.check(part, content);
    write_piece(part, 0, content);
    end_part(part, crc32c(content));
  }

  bool takes_pieces() const override { return true; }

  void write_piece(int part, std::uint64_t offset, std::span<const std::byte> piece) override {
    assert(offset + piece.size() <= plan_.size_of(part));
    file_.write_at(plan_.offset_of(part) + offset, piece);
  }

  void end_part(int part, std::uint32_t crc) override {
    // The disk begins now, so that little is left for the flush at the end.
    file_.begin_flush(plan_.offset_of(part), plan_.size_of(part));
    const std::string line = std::to_string(part) + " " + std::to_string(crc) + "\n";
    const std::lock_guard lock(mutex_);
    done_file_.write_all(std::as_bytes(std::span(line)));
    stored_[part] = true;
  }

  Entry finish() override {
    if (std::find(stored_.begin(), stored_.end(), false) != stored_.end()) {
      plan_.refuse_unfinished();
    }
    file_.flush();
    Entry entry = publish(plan_.id, plan_.uri, plan_.precondition);
    keep_ = false;
    return entry;
  }

  void keep() override { keep_ = true; }

 private:
  std::string done_name() const { return plan_.id + ".done"; }

  void remember() {
    std::vector<std::byte> text(done_file_.size());
    text.resize(done_file_.read_at(0, text));
    std::string_view lines(reinterpret_cast<const char*>(text.data()), text.size());
    std::vector<std::byte> content;
    for (auto end = lines.find('\n'); end != lines.npos; end = lines.find('\n')) {
      long part = -1;
      unsigned long crc = 0;
      const std::string line(lines.substr(0, end));
      lines.remove_prefix(end + 1);
      if (std::sscanf(line.c_str(), "%ld %lu", &part, &crc) != 2) continue;
      if (part < 0 || part >= part_count()) continue;
      content.resize(plan_.size_of(static_cast<int>(part)));
      const std::uint64_t offset = plan_.offset_of(static_cast<int>(part));
      stored_[part] = file_.read_at(offset, content) == content.size() && crc32c(content) == crc;
    }
  }

  PartPlan plan_;
  File file_, done_file_;
  mutable std::mutex mutex_;
  std::vector<bool> stored_;
  bool keep_ = false;
};

}  // namespace

std::unique_ptr<Upload> make_upload(const std::string& path, const Precondition& precondition) {
  refuse_special(path);
  make_folders_for(path);
  return std::make_unique<LocalUpload>(path, precondition);
}

std::unique_ptr<PartUpload> make_part_upload(const std::string& path, std::uint64_t size,
                                             const PartOptions& options) {
  refuse_special(path);
  make_folders_for(path);
  PartPlan plan;
  plan.uri = path;
  plan.id = temporary_name(path);
  plan.size = size;
  plan.part_size = std::max({options.part_size, size / kMostParts + 1, kSmallestPart});
  plan.precondition = options.precondition;
  return std::make_unique<LocalParts>(std::move(plan));
}

std::unique_ptr<PartUpload> resume_part_upload(const std::string& token) {
  PartPlan plan = PartPlan::parse(token, kSmallestPart, kMostParts);
  if (!is_temporary(plan.id) || folder_of(plan.id) != folder_of(plan.uri)) {
    throw input_error("upload token", "is not valid", "start the upload again");
  }
  const auto there = stat_path(plan.id);
  if (!there || there->is_folder || there->size != plan.size) return nullptr;
  return std::make_unique<LocalParts>(std::move(plan));
}

}  // namespace oko::storage::local
