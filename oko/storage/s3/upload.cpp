#include <algorithm>
#include <mutex>

#include "oko/base/json.h"
#include "oko/storage/s3/s3_store.h"

namespace oko::storage::s3 {
namespace {

constexpr std::uint64_t kSmallestPart = std::uint64_t{5} << 20;
constexpr std::uint64_t kStreamPart = std::uint64_t{16} << 20;
constexpr int kMostParts = 10'000;

class S3Upload final : public Upload {
 public:
  S3Upload(S3Store& store, Name name, const Precondition& precondition)
      : store_(store), name_(std::move(name)), precondition_(precondition) {}
  ~S3Upload() override {
    if (multipart_ && !finished_) multipart_->abort();
  }

  void write(std::span<const std::byte> content) override {
    size_ += content.size();
    while (!content.empty()) {
      const std::size_t n = std::min<std::size_t>(content.size(), kStreamPart - waiting_.size());
      waiting_.insert(waiting_.end(), content.begin(), content.begin() + static_cast<long>(n));
      content = content.subspan(n);
      // A full part waits for more: what fits into one goes up without parts.
      if (waiting_.size() == kStreamPart && !content.empty()) send_part();
    }
  }

  Entry finish() override {
    if (!multipart_) {
      Entry entry = store_.write(store_.uri(name_), waiting_, precondition_);
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
    if (!multipart_) multipart_.emplace(Multipart::begin(store_, name_, kStreamPart));
    if (etags_.size() >= kMostParts) {
      throw Error(ErrorCode::kStorage, store_.uri(name_), "is too big to be written as a stream",
                  "write at most 156 GiB");
    }
    etags_.push_back(multipart_->write_part(static_cast<int>(etags_.size()) + 1, waiting_));
    waiting_.clear();
  }

  S3Store& store_;
  Name name_;
  Precondition precondition_;
  std::vector<std::byte> waiting_;
  std::optional<Multipart> multipart_;
  std::vector<std::string> etags_;
  std::uint64_t size_ = 0;
  bool finished_ = false;
};

class S3Parts final : public PartUpload {
 public:
  S3Parts(S3Store& store, const Name& name, Multipart multipart, std::uint64_t size,
          std::uint64_t part_size, const Precondition& precondition)
      : store_(store),
        name_(name),
        multipart_(std::move(multipart)),
        size_(size),
        part_size_(part_size),
        precondition_(precondition),
        etags_(static_cast<std::size_t>(
            std::max<std::uint64_t>(1, (size + part_size - 1) / part_size))) {}
  ~S3Parts() override {
    if (!keep_) multipart_.abort();
  }

  std::uint64_t part_size() const override { return part_size_; }
  int part_count() const override { return static_cast<int>(etags_.size()); }

  std::string token() const override {
    const Json token = {{"uri", store_.uri(name_)},
                        {"upload", multipart_.id()},
                        {"size", size_},
                        {"part_size", part_size_},
                        {"absent", precondition_.is_absent()},
                        {"version", precondition_.wanted_version()}};
    return token.dump();
  }

  bool has(int part) const override {
    const std::lock_guard lock(mutex_);
    return !etags_.at(static_cast<std::size_t>(part)).empty();
  }

  void write(int part, std::span<const std::byte> content) override {
    const std::uint64_t from = static_cast<std::uint64_t>(part) * part_size_;
    if (part < 0 || part >= part_count() || content.size() != std::min(part_size_, size_ - from)) {
      throw Error(
          ErrorCode::kUsage, store_.uri(name_),
          "part " + std::to_string(part) + " has " + std::to_string(content.size()) + " bytes");
    }
    set(part, multipart_.write_part(part + 1, content));
  }

  void set(int part, std::string etag) {
    const std::lock_guard lock(mutex_);
    etags_.at(static_cast<std::size_t>(part)) = std::move(etag);
  }

  Entry finish() override {
    if (std::find(etags_.begin(), etags_.end(), "") != etags_.end()) {
      throw Error(ErrorCode::kUsage, store_.uri(name_), "not every part is written");
    }
    Entry entry = multipart_.complete(etags_, size_, part_size_, precondition_);
    keep_ = true;
    return entry;
  }

  void keep() override { keep_ = true; }

 private:
  S3Store& store_;
  Name name_;
  Multipart multipart_;
  std::uint64_t size_, part_size_;
  Precondition precondition_;
  mutable std::mutex mutex_;
  std::vector<std::string> etags_;
  bool keep_ = false;
};

}  // namespace

std::unique_ptr<Upload> S3Store::upload(const std::string& uri, const Precondition& precondition) {
  return std::make_unique<S3Upload>(*this, bucket::parse_uri(uri), precondition);
}

std::unique_ptr<PartUpload> S3Store::upload_parts(const std::string& uri, std::uint64_t size,
                                                  const PartOptions& part_options) {
  constexpr std::uint64_t kMost = std::uint64_t{5} << 40;
  if (size > kMost) throw Error(ErrorCode::kUsage, uri, "S3 holds objects up to 5 TiB");
  const std::uint64_t part_size =
      std::max({part_options.part_size, kSmallestPart, size / kMostParts + 1});
  const Name name = bucket::parse_uri(uri);
  return std::make_unique<S3Parts>(*this, name, Multipart::begin(*this, name, part_size), size,
                                   part_size, part_options.precondition);
}

std::unique_ptr<PartUpload> S3Store::resume_parts(const std::string& token) {
  const std::string place = "upload token";
  const Json json = parse_json(token, place);
  const Name name = bucket::parse_uri(json_get<std::string>(json, "uri", place));
  const auto size = json_get<std::uint64_t>(json, "size", place);
  const auto part_size = json_get<std::uint64_t>(json, "part_size", place);
  const auto version = json_get<std::string>(json, "version", place);
  Precondition precondition;
  if (json_get<bool>(json, "absent", place)) {
    precondition = Precondition::absent();
  } else if (!version.empty()) {
    precondition = Precondition::version(version);
  }
  if (part_size < kSmallestPart || size / part_size > kMostParts) {
    throw input_error(place, "makes no sense", "begin the upload again");
  }
  Multipart multipart(*this, name, json_get<std::string>(json, "upload", place));
  const auto stored = multipart.stored(part_size, size);
  if (!stored) return nullptr;
  auto parts =
      std::make_unique<S3Parts>(*this, name, std::move(multipart), size, part_size, precondition);
  for (const auto& [number, etag] : *stored) parts->set(number - 1, etag);
  return parts;
}

}  // namespace oko::storage::s3
