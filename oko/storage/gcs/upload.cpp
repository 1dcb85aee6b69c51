#include <algorithm>
#include <cstdio>
#include <mutex>

#include "oko/storage/checksum.h"
#include "oko/storage/gcs/gcs_store.h"
#include "oko/storage/part_plan.h"

namespace oko::storage::gcs {
namespace {

constexpr std::uint64_t kChunk = 64 * kStep;  // 16 MiB
constexpr int kMostParts = static_cast<int>(kMostSources * kMostSources);

class GcsUpload final : public Upload {
 public:
  GcsUpload(GcsStore& store, Uri uri, const Precondition& precondition)
      : store_(store), uri_(std::move(uri)), precondition_(precondition) {}
  ~GcsUpload() override {
    if (session_ && !finished_) session_->cancel();
  }

  void write(std::span<const std::byte> content) override {
    while (!content.empty()) {
      const std::size_t n = std::min<std::size_t>(content.size(), kChunk - waiting_.size());
      waiting_.insert(waiting_.end(), content.begin(), content.begin() + static_cast<long>(n));
      content = content.subspan(n);
      // A full chunk is held back: the last one is sent by finish().
      if (waiting_.size() == kChunk && !content.empty()) send_chunk();
    }
  }

  Entry finish() override {
    if (!session_) {
      Entry entry = store_.write(uri_, waiting_, precondition_);
      finished_ = true;
      return entry;
    }
    try {
      Entry entry =
          session_->finish(sent_, waiting_, sent_ + waiting_.size(), crc32c(waiting_, crc_));
      finished_ = true;
      return entry;
    } catch (const Session::Lost&) {
      refuse_lost();
    }
  }

 private:
  void send_chunk() {
    for (http::Retry retry(store_.client(), store_.options().retry, uri_.text());;) {
      try {
        if (!session_) session_.emplace(store_, uri_, precondition_);
        session_->send(sent_, waiting_);
        break;
      } catch (const Session::Lost&) {
        session_.reset();
        if (sent_ > 0) refuse_lost();
        retry.wait("the upload session was lost");
      }
    }
    crc_ = crc32c(waiting_, crc_);
    sent_ += waiting_.size();
    waiting_.clear();
  }

  [[noreturn]] void refuse_lost() const {
    throw Error(ErrorCode::kStorage, uri_.text(),
                "the server lost the upload, and its start can no longer be sent again",
                "write the file again");
  }

  GcsStore& store_;
  Uri uri_;
  Precondition precondition_;
  std::vector<std::byte> waiting_;
  std::optional<Session> session_;
  std::uint64_t sent_ = 0;
  std::uint32_t crc_ = 0;
  bool finished_ = false;
};

// Each part is an object ".oko-parts/ID/NUMBER"; finish() composes them by 32 and those by 32.
class GcsParts final : public PartUpload {
 public:
  GcsParts(GcsStore& store, PartPlan plan)
      : store_(store),
        plan_(std::move(plan)),
        uri_(plan_.uri),
        stored_(static_cast<std::size_t>(plan_.part_count())) {}
  ~GcsParts() override {
    if (!keep_) remove_pieces();
  }

  std::uint64_t part_size() const override { return plan_.part_size; }
  int part_count() const override { return plan_.part_count(); }
  std::string token() const override { return plan_.token(); }

  bool has(int part) const override {
    const std::lock_guard lock(mutex_);
    return stored_.at(static_cast<std::size_t>(part)).has_value();
  }

  void write(int part, std::span<const std::byte> content) override {
    plan_.check(part, content);
    const Uri piece = piece_name('p', static_cast<std::size_t>(part));
    const Entry entry = store_.write(piece, content, {});
    const std::lock_guard lock(mutex_);
    stored_[part] = Source{piece.key(), entry.version, crc32c(content), content.size()};
  }

  // What the original process has stored.
  bool remember() {
    bool any = false;
    for (const Object& object : store_.list_parts(uri_.with_key(plan_.id))) {
      int part = -1;
      if (std::sscanf(object.name.c_str() + plan_.id.size(), "p%d", &part) != 1) continue;
      if (part < 0 || part >= part_count() ||
          object.name != piece_name('p', static_cast<std::size_t>(part)).key())
        continue;
      if (object.entry.size != plan_.size_of(part) || !object.entry.crc32c) continue;
      stored_[part] =
          Source{object.name, object.entry.version, *object.entry.crc32c, object.entry.size};
      any = true;
    }
    return any;
  }

  Entry finish() override {
    std::vector<Source> sources;
    for (const auto& part : stored_) {
      if (!part) plan_.refuse_unfinished();
      sources.push_back(*part);
    }
    if (sources.size() > kMostSources) sources = groups_of(sources);
    Entry entry = store_.compose(sources, uri_, plan_.precondition);
    remove_pieces();
    keep_ = true;
    return entry;
  }

  void keep() override { keep_ = true; }

 private:
  Uri piece_name(char kind, std::size_t number) const {
    char text[24];
    std::snprintf(text, sizeof text, "%c%05zu", kind, number);
    return uri_.with_key(plan_.id + text);
  }

  std::vector<Source> groups_of(const std::vector<Source>& sources) {
    std::vector<Source> groups;
    for (std::size_t at = 0; at < sources.size(); at += kMostSources) {
      const std::size_t end = std::min(at + kMostSources, sources.size());
      const std::vector<Source> group(sources.begin() + static_cast<long>(at),
                                      sources.begin() + static_cast<long>(end));
      const Uri piece = piece_name('c', groups.size());
      const Entry entry = store_.compose(group, piece, {});
      Source made{piece.key(), entry.version, 0, 0};
      for (const Source& source : group) {
        made.crc32c = crc32c_combine(made.crc32c, source.crc32c, source.size);
        made.size += source.size;
      }
      groups.push_back(std::move(made));
    }
    return groups;
  }

  void remove_pieces() noexcept {
    try {
      std::vector<Uri> uris;
      for (const Object& object : store_.list_parts(uri_.with_key(plan_.id))) {
        uris.push_back(uri_.with_key(object.name));
      }
      store_.remove_quietly(uris);
    } catch (const std::exception&) {
      // Lists skip them, and they can safely be removed.
    }
  }

  GcsStore& store_;
  PartPlan plan_;
  Uri uri_;
  mutable std::mutex mutex_;
  std::vector<std::optional<Source>> stored_;
  bool keep_ = false;
};

}  // namespace

std::unique_ptr<Upload> GcsStore::upload(const Uri& uri, const Precondition& precondition) {
  return std::make_unique<GcsUpload>(*this, uri, precondition);
}

std::unique_ptr<PartUpload> GcsStore::upload_parts(const Uri& uri, std::uint64_t size,
                                                   const PartOptions& part_options) {
  constexpr std::uint64_t kMost = std::uint64_t{5} << 40;
  if (size > kMost) throw Error(ErrorCode::kUsage, uri.text(), "Google stores objects up to 5 TiB");
  PartPlan plan;
  plan.uri = uri.text();
  plan.id = std::string(kPartsFolder) + bucket::unique_name() + "/";
  plan.size = size;
  plan.part_size = std::max({part_options.part_size, size / kMostParts + 1, std::uint64_t{1}});
  plan.precondition = part_options.precondition;
  return std::make_unique<GcsParts>(*this, std::move(plan));
}

std::unique_ptr<PartUpload> GcsStore::resume_parts(const std::string& token) {
  PartPlan plan = PartPlan::parse(token, 1, kMostParts);
  if (!plan.id.starts_with(kPartsFolder) || !plan.id.ends_with('/')) {
    throw input_error("upload token", "is not valid", "start the upload again");
  }
  auto parts = std::make_unique<GcsParts>(*this, std::move(plan));
  if (parts->remember()) return parts;
  parts->keep();
  return nullptr;
}

}  // namespace oko::storage::gcs
