#include <algorithm>
#include <mutex>

#include "oko/storage/part_plan.h"
#include "oko/storage/s3/s3_store.h"

namespace oko::storage::s3 {
namespace {

constexpr std::uint64_t kSmallestPart = std::uint64_t{5} << 20;
constexpr std::uint64_t kStreamPart = std::uint64_t{16} << 20;
constexpr int kMostParts = 10'000;

class S3Upload final : public Upload {
 public:
  S3Upload(S3Store& store, Uri uri, const Precondition& precondition)
      : store_(store), uri_(std::move(uri)), precondition_(precondition) {}
  ~S3Upload() override {
    if (multipart_ && !finished_) multipart_->abort();
  }

  void write(std::span<const std::byte> content) override {
    size_ += content.size();
    while (!content.empty()) {
      const std::size_t n = std::min<std::size_t>(content.size(), kStreamPart - waiting_.size());
      waiting_.insert(waiting_.end(), content.begin(), content.begin() + static_cast<long>(n));
      content = content.subspan(n);
      // A full part is held back: what fits into one is uploaded without parts.
      if (waiting_.size() == kStreamPart && !content.empty()) send_part();
    }
  }

  Entry finish() override {
    if (!multipart_) {
      Entry entry = store_.write(uri_, waiting_, precondition_);
      finished_ = true;
      return entry;
    }
    if (!waiting_.empty()) send_part();
    Entry entry = multipart_->complete(etags_, size_, kStreamPart, precondition_);
    finished_ = true;
    return entry;
  }

 private:
  void send_part() {
    if (!multipart_) multipart_.emplace(Multipart::begin(store_, uri_, kStreamPart));
    if (etags_.size() >= kMostParts) {
      throw Error(ErrorCode::kStorage, uri_.text(), "is too large to be written as a stream",
                  "write at most 156 GiB");
    }
    etags_.push_back(multipart_->write_part(static_cast<int>(etags_.size()) + 1, waiting_));
    waiting_.clear();
  }

  S3Store& store_;
  Uri uri_;
  Precondition precondition_;
  std::vector<std::byte> waiting_;
  std::optional<Multipart> multipart_;
  std::vector<std::string> etags_;
  std::uint64_t size_ = 0;
  bool finished_ = false;
};

class S3Parts final : public PartUpload {
 public:
  S3Parts(S3Store& store, PartPlan plan)
      : plan_(std::move(plan)),
        multipart_(store, plan_.uri, plan_.id),
        etags_(static_cast<std::size_t>(plan_.part_count())) {}
  ~S3Parts() override {
    if (!keep_) multipart_.abort();
  }

  std::uint64_t part_size() const override { return plan_.part_size; }
  int part_count() const override { return plan_.part_count(); }
  std::string token() const override { return plan_.token(); }

  bool has(int part) const override {
    const std::lock_guard lock(mutex_);
    return !etags_.at(static_cast<std::size_t>(part)).empty();
  }

  void write(int part, std::span<const std::byte> content) override {
    plan_.check(part, content);
    set(part, multipart_.write_part(part + 1, content));
  }

  void set(int part, std::string etag) {
    const std::lock_guard lock(mutex_);
    etags_.at(static_cast<std::size_t>(part)) = std::move(etag);
  }

  Entry finish() override {
    if (std::find(etags_.begin(), etags_.end(), "") != etags_.end()) plan_.refuse_unfinished();
    Entry entry = multipart_.complete(etags_, plan_.size, plan_.part_size, plan_.precondition);
    keep_ = true;
    return entry;
  }

  void keep() override { keep_ = true; }

 private:
  PartPlan plan_;
  Multipart multipart_;
  mutable std::mutex mutex_;
  std::vector<std::string> etags_;
  bool keep_ = false;
};

}  // namespace

std::unique_ptr<Upload> S3Store::upload(const Uri& uri, const Precondition& precondition) {
  return std::make_unique<S3Upload>(*this, uri, precondition);
}

std::unique_ptr<PartUpload> S3Store::upload_parts(const Uri& uri, std::uint64_t size,
                                                  const PartOptions& part_options) {
  constexpr std::uint64_t kMost = std::uint64_t{5} << 40;
  if (size > kMost) throw Error(ErrorCode::kUsage, uri.text(), "S3 stores objects up to 5 TiB");
  PartPlan plan;
  plan.uri = uri.text();
  plan.size = size;
  plan.part_size = std::max({part_options.part_size, kSmallestPart, size / kMostParts + 1});
  plan.precondition = part_options.precondition;
  plan.id = Multipart::begin(*this, uri, plan.part_size).id();
  return std::make_unique<S3Parts>(*this, std::move(plan));
}

std::unique_ptr<PartUpload> S3Store::resume_parts(const std::string& token) {
  const PartPlan plan = PartPlan::parse(token, kSmallestPart, kMostParts);
  const auto stored = Multipart(*this, plan.uri, plan.id).stored(plan.part_size, plan.size);
  if (!stored) return nullptr;
  auto parts = std::make_unique<S3Parts>(*this, plan);
  for (const auto& [number, etag] : *stored) {
    if (number <= plan.part_count()) parts->set(number - 1, etag);
  }
  return parts;
}

}  // namespace oko::storage::s3
