#include "oko/storage/transfer/copier.h"

#include <algorithm>

#include "oko/base/json.h"
#include "oko/storage/checksum.h"
#include "oko/storage/content_check.h"
#include "oko/storage/transfer/compare.h"

namespace oko::storage {
namespace {

constexpr int kAttempts = 4;
constexpr std::uint64_t kStreamMemory = std::uint64_t{2} << 20;
// A part that is written as it comes: mostly the system's buffers of its connection.
constexpr std::uint64_t kPiecesMemory = std::uint64_t{8} << 20;

// Corrupted in transit, or the source changed in the meantime: worth retrying.
class Mismatch : public Error {
 public:
  Mismatch(const std::string& uri, const std::string& what)
      : Error(ErrorCode::kStorage, uri, what, "try again; if it persists, check the source") {}
};

// What both stores report for a file and its copy must agree.
void check_copy(const Entry& from, const Entry& made) {
  if (made.size != from.size) {
    throw Mismatch(from.uri, "has " + std::to_string(from.size) + " bytes, but its copy " +
                                 std::to_string(made.size));
  }
  const bool crc_differs = from.crc32c && made.crc32c && from.crc32c != made.crc32c;
  const bool md5_differs = !from.md5.empty() && !made.md5.empty() && from.md5 != made.md5;
  if (crc_differs || md5_differs) throw Mismatch(from.uri, "its copy has a different checksum");
}

}  // namespace

// A file being copied in parts.
struct Copier::BigFile {
  CopyJob job;
  std::unique_ptr<PartUpload> upload;
  std::atomic<int> left{0};
  std::atomic<bool> failed{false};
  int etag_parts = 0;  // of the source
  std::mutex mutex;
  std::map<int, PartSums> sums;
  std::optional<Error> error;
  bool again = false;  // the error is worth another attempt from the start

  std::uint64_t offset_of(int part) const {
    return static_cast<std::uint64_t>(part) * upload->part_size();
  }
  std::uint64_t size_of(int part) const {
    const std::uint64_t size = upload->part_size();
    return std::min(size, job.from.size - offset_of(part));
  }
  void fail(const Error& e, bool from_the_beginning) {
    const std::scoped_lock lock(mutex);
    failed = true;
    if (!error) error = e;
    again |= from_the_beginning;
  }
};

std::uint64_t Copier::memory_for(const CopyJob& job) const {
  return is_big(job) ? kStreamMemory : job.from.size;
}

bool Copier::is_unchanged(const CopyJob& job) const {
  if (options_.force || !job.there || job.there->is_folder) return false;
  if (job.there->size != job.from.size) return false;
  return manifest_.is_done(job.name, job.from.version, job.there->version) ||
         same_content(job.from, *job.there);
}

void Copier::run(CopyJob job) {
  if (tally_.stopping) return;
  try {
    if (is_unchanged(job)) {
      if (!options_.dry_run) manifest_.done(job.name, job.from.version, job.there->version);
      tally_.moved += job.from.size;
      tally_.report(TransferAction::Kind::kUnchanged, job);
    } else if (options_.dry_run) {
      tally_.report(TransferAction::Kind::kCopied, job);
    } else {
      copy(job);
    }
  } catch (const Conflict& error) {
    if (!retry(job)) tally_.failed(job, error);
  } catch (const Mismatch& error) {
    if (!retry(job)) tally_.failed(job, error);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInterrupted) tally_.failed(job, error);
  } catch (const std::exception& error) {
    tally_.failed(job, Error(ErrorCode::kFailed, job.from.uri, error.what()));
  }
}

// Checks the source again and copies its current state.
bool Copier::retry(const CopyJob& job) {
  if (job.attempt == kAttempts || tally_.stopping) return false;
  CopyJob again = job;
  ++again.attempt;
  manifest_.forget(job.name);
  Workers::Task task;
  task.memory = memory_for(again);
  task.run = [this, again](const Workers::Lease&) mutable {
    try {
      const auto now = stat(again.from.uri);
      if (now && !now->is_folder) again.from = *now;
    } catch (const Error& error) {
      return tally_.failed(again, error);
    }
    run(again);
  };
  workers_.post_first({std::move(task)});
  return true;
}

void Copier::copy(CopyJob& job) {
  const Uri from = job.from.uri, to = job.to;
  if (from.scheme() == to.scheme() && !to.is_local()) {
    const Entry made = store_for(to).copy(from, to);
    tally_.moved += job.from.size;
    return finished(job, made);
  }
  if (!is_big(job)) return copy_small(job);
  // A list has less information than stat(); for a large file that is worth a request.
  if (!from.is_local() && !job.from.crc32c && parts_in_etag(job.from) == 0) {
    if (const auto entry = stat(from)) job.from = *entry;
  }
  // The MD5 of a whole file can only be computed sequentially.
  if (!job.from.crc32c && !job.from.md5.empty()) return copy_stream(job);
  copy_parts(job);
}

void Copier::finished(const CopyJob& job, const Entry& made) {
  check_copy(job.from, made);
  manifest_.done(job.name, job.from.version, made.version);
  tally_.report(TransferAction::Kind::kCopied, job);
}

void Copier::copy_small(const CopyJob& job) {
  const Uri from = job.from.uri, to = job.to;
  const Bytes content = read(from);
  if (content.size() != job.from.size) throw Conflict(from.text());
  if (from.is_local()) {  // nothing else detects changes in the meantime
    const auto now = stat(from);
    if (!now || now->version != job.from.version) throw Conflict(from.text());
  }
  if (to.is_local()) {
    on_disk_.write(to.path(), content.span(),
                   {[this, job](const Entry& made) { finished(job, made); },
                    [this, job](const Error& error) { tally_.failed(job, error); }});
  } else {
    finished(job, write(to, content.span()));
  }
  tally_.moved += content.size();
  workers_.moved(content.size());
}

void Copier::copy_stream(const CopyJob& job) {
  ContentCheck check(job.from);
  const auto target = upload(job.to);
  const Sink sink = [&](std::span<const std::byte> piece) {
    if (tally_.stopping) throw Error(ErrorCode::kInterrupted, job.from.uri, "interrupted");
    check.add(piece);
    target->write(piece);
    tally_.moved += piece.size();
    workers_.moved(piece.size());
  };
  read_to(job.from.uri, 0, kToTheEnd, job.from.version, sink);
  if (const std::string wrong = check.wrong(); !wrong.empty()) throw Mismatch(job.from.uri, wrong);
  finished(job, target->finish());
}

namespace {

// The upload recorded in a manifest; null if it is for another file or invalid, since the manifest
// may have been edited.
std::unique_ptr<PartUpload> resumed(const std::string& token, const Uri& to) {
  const Json json = Json::parse(token, nullptr, false);
  if (!json.is_object() || !json.contains("uri") ||
      json["uri"] != (to.is_local() ? to.path() : to.text())) {
    return nullptr;
  }
  try {
    return store_for(to).resume_parts(token);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInput) throw;
    return nullptr;
  }
}

}  // namespace

void Copier::copy_parts(CopyJob& job) {
  const auto file = std::make_shared<BigFile>();
  file->job = job;
  file->etag_parts = parts_in_etag(job.from);
  if (const auto begun = manifest_.begun(job.name, job.from.version)) {
    file->upload = resumed(begun->token, job.to);
    file->sums = begun->parts;
    if (file->upload) {
      std::erase_if(file->sums,
                    [&](const auto& part) { return part.first >= file->upload->part_count(); });
    }
  }
  if (!file->upload) {
    PartOptions wish;
    wish.part_size = guess_part_size(job.from.size, file->etag_parts, options_.part_size)
                         .value_or(options_.part_size);
    file->upload = store_for(job.to).upload_parts(job.to, job.from.size, wish);
    file->sums.clear();
    manifest_.begin(job.name, job.from.version, file->upload->token());
  }
  std::vector<Workers::Task> tasks;
  for (int part = 0; part < file->upload->part_count(); ++part) {
    if (file->upload->has(part) && file->sums.contains(part)) {
      tally_.moved += file->size_of(part);
      continue;
    }
    const std::uint64_t size = file->size_of(part);
    tasks.push_back({file->upload->takes_pieces() ? std::min(kPiecesMemory, size) : size,
                     [this, file, part](const Workers::Lease&) { copy_part(file, part); }});
  }
  tally_.kept_parts(static_cast<std::uint64_t>(file->upload->part_count()) - tasks.size());
  file->left = static_cast<int>(tasks.size()) + 1;
  workers_.post_first(std::move(tasks));
  end_part(file);
}

namespace {

// The sums of a part, as it comes.
class Summing {
 public:
  explicit Summing(bool with_md5) {
    if (with_md5) md5_.emplace();
  }
  void add(std::span<const std::byte> piece) {
    crc_ = crc32c(piece, crc_);
    if (md5_) md5_->add(piece);
  }
  PartSums finish() {
    PartSums sums{crc_, ""};
    if (md5_) {
      const auto digest = md5_->finish();
      sums.md5.assign(reinterpret_cast<const char*>(digest.data()), digest.size());
    }
    return sums;
  }

 private:
  std::uint32_t crc_ = 0;
  std::optional<Md5> md5_;
};

}  // namespace

PartSums Copier::copy_at_once(BigFile& file, int part) {
  const std::string& uri = file.job.from.uri;
  const Bytes content =
      read_range(uri, file.offset_of(part), file.size_of(part), file.job.from.version);
  if (content.size() != file.size_of(part)) throw Conflict(uri);
  Summing sums(file.etag_parts > 0);
  sums.add(content.span());
  file.upload->write(part, content.span());
  workers_.moved(content.size());
  return sums.finish();
}

// Each piece is added and written while it is in the processor's cache.
PartSums Copier::copy_pieces(BigFile& file, int part) {
  const std::string& uri = file.job.from.uri;
  Summing sums(file.etag_parts > 0);
  std::uint64_t done = 0;
  read_to(uri, file.offset_of(part), file.size_of(part), file.job.from.version,
          [&](std::span<const std::byte> piece) {
            sums.add(piece);
            file.upload->write_piece(part, done, piece);
            done += piece.size();
            workers_.moved(piece.size());
          });
  if (done != file.size_of(part)) throw Conflict(uri);
  PartSums made = sums.finish();
  file.upload->end_part(part, made.crc32c);
  return made;
}

void Copier::copy_part(const std::shared_ptr<BigFile>& file, int part) {
  try {
    if (!file->failed && !tally_.stopping) {
      const std::uint64_t size = file->size_of(part);
      const PartSums sums =
          file->upload->takes_pieces() ? copy_pieces(*file, part) : copy_at_once(*file, part);
      manifest_.part(file->job.name, part, sums);
      tally_.moved += size;
      const std::scoped_lock lock(file->mutex);
      file->sums[part] = sums;
    }
  } catch (const Conflict& error) {
    file->fail(error, true);
  } catch (const Error& error) {
    file->fail(error, false);
  } catch (const std::exception& error) {
    file->fail(Error(ErrorCode::kFailed, file->job.from.uri, error.what()), false);
  }
  end_part(file);
}

// The last part completes the file.
void Copier::end_part(const std::shared_ptr<BigFile>& file) {
  if (--file->left > 0) return;
  try {
    if (!file->failed && !tally_.stopping) finish(*file);
  } catch (const Mismatch& error) {
    file->fail(error, true);
  } catch (const Conflict& error) {
    file->fail(error, true);
  } catch (const Error& error) {
    file->fail(error, false);
  }
  if (!file->failed && !tally_.stopping) return;
  if (file->again) {
    file->upload.reset();
    if (!retry(file->job)) tally_.failed(file->job, *file->error);
    return;
  }
  file->upload->keep();
  if (file->error && file->error->code() != ErrorCode::kInterrupted) {
    tally_.failed(file->job, *file->error);
  }
}

void Copier::finish(BigFile& file) {
  const Entry& from = file.job.from;
  std::uint32_t crc = 0;
  std::string digests;
  for (const auto& [part, sums] : file.sums) {
    crc = crc32c_combine(crc, sums.crc32c, file.size_of(part));
    digests += sums.md5;
  }
  if (from.crc32c && *from.crc32c != crc) {
    throw Mismatch(from.uri, "the received data does not match the source's checksum");
  }
  if (file.etag_parts > 0) {
    const std::string etag = md5_of_parts(std::as_bytes(std::span(digests)));
    const bool known = from.version.find(etag) != std::string::npos;
    // Unknown part size: two identical reads are considered right.
    const std::string said = "crc32c " + std::to_string(crc);
    if (!known && file.job.reading != said) {
      file.job.reading = said;
      throw Mismatch(from.uri, "the received data does not match the source's ETag");
    }
  }
  const Entry made = file.upload->finish();
  if (made.crc32c && *made.crc32c != crc) {
    throw Mismatch(from.uri, "the stored data does not match the source's checksum");
  }
  finished(file.job, made);
}

}  // namespace oko::storage
