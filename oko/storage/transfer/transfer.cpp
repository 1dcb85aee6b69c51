#include "oko/storage/transfer/transfer.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "oko/base/file_name.h"
#include "oko/storage/places.h"
#include "oko/storage/transfer/copier.h"
#include "oko/storage/transfer/plan.h"

namespace oko::storage {
namespace {

constexpr std::size_t kBatch = 100'000;  // files planned ahead: some 30 MB
constexpr std::size_t kRemovedAtOnce = 1000;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// While alive, ends all requests as soon as the transfer is interrupted, including those of the
// listing thread.
class Watch {
 public:
  explicit Watch(const std::function<bool()>& interrupted) {
    if (!interrupted) return;
    thread_ = std::jthread([this, interrupted](const std::stop_token& end) {
      constexpr auto kTick = std::chrono::milliseconds(100);
      std::mutex mutex;
      std::condition_variable_any ended;
      std::unique_lock lock(mutex);
      while (!ended.wait_for(lock, end, kTick, [&] { return end.stop_requested(); })) {
        if (!interrupted()) continue;
        interrupted_ = true;
        return stop_requests();
      }
    });
  }
  ~Watch() {
    thread_ = {};
    if (interrupted_) stop_requests(false);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  bool interrupted() const { return interrupted_; }

 private:
  std::atomic<bool> interrupted_{false};
  std::jthread thread_;
};

// One transfer, from listing to the last file.
class Transfer {
 public:
  Transfer(const TransferOptions& options, const Watch& watch, const std::string& from,
           const std::string& to, Progress& progress)
      : options_(options),
        watch_(watch),
        progress_(progress),
        manifest_(options.dry_run ? "" : options.manifest, from, to),
        tally_(options),
        workers_(options.connections, options.memory),
        copier_(options, workers_, manifest_, tally_) {}

  void copy(std::vector<CopyJob> jobs);
  void remove(std::vector<std::string> uris);
  // Counts a file that was not even started.
  void refuse(const CopyJob& job, const Error& error) { tally_.failed(job, error); }
  TransferSummary end();

 private:
  void look();

  const TransferOptions& options_;
  const Watch& watch_;
  Progress& progress_;
  Manifest manifest_;
  Tally tally_;
  Workers workers_;
  Copier copier_;
  std::uint64_t shown_ = 0;
  double begin_ = now();
};

// Between tasks: updates the bar and checks for interruption.
void Transfer::look() {
  const std::uint64_t moved = tally_.moved;
  if (moved > shown_) progress_.advance(moved - shown_);
  shown_ = std::max(shown_, moved);
  const TransferSummary summary = tally_.summary();
  const std::string failures =
      summary.failed > 0 ? ", " + std::to_string(summary.failed) + " failed" : "";
  progress_.note(std::to_string(summary.copied) + " copied, " + std::to_string(summary.unchanged) +
                 " unchanged" + failures);
  if (!tally_.stopping && (watch_.interrupted() || tally_.hopeless())) {
    tally_.stopping = true;
    workers_.drop();
  }
}

void Transfer::copy(std::vector<CopyJob> jobs) {
  std::uint64_t bytes = 0;
  for (const CopyJob& job : jobs) bytes += job.from.size;
  progress_.begin(options_.dry_run ? "comparing" : "copying", bytes, "bytes");
  shown_ = tally_.moved;
  for (CopyJob& job : jobs) {
    if (tally_.stopping) break;
    const std::uint64_t memory = copier_.memory_for(job);
    workers_.post({memory, [this, job = std::move(job)](
                               const Workers::Lease&) mutable { copier_.run(std::move(job)); }},
                  [this] { look(); });
  }
  workers_.wait([this] { look(); });
  look();
  progress_.end();
  copier_.flush();
  manifest_.flush();
  if (watch_.interrupted()) {
    throw Error(ErrorCode::kInterrupted, "",
                "interrupted with " + std::to_string(tally_.summary().copied) + " files copied",
                "the same command continues from there");
  }
  if (const auto error = tally_.hopeless()) throw *error;
}

void Transfer::remove(std::vector<std::string> uris) {
  for (std::size_t at = 0; at < uris.size(); at += kRemovedAtOnce) {
    const auto end = std::min(uris.size(), at + kRemovedAtOnce);
    const std::vector<Uri> some(uris.begin() + static_cast<std::ptrdiff_t>(at),
                                uris.begin() + static_cast<std::ptrdiff_t>(end));
    if (!options_.dry_run) store_for(some.front()).remove_many(some);
    tally_.removed(some);
  }
}

TransferSummary Transfer::end() {
  TransferSummary summary = tally_.summary();
  summary.seconds = now() - begin_;
  summary.connections = workers_.limit();
  return summary;
}

[[noreturn]] void refuse_missing(const std::string& from) {
  throw input_error(from, "no such folder", "check the name: oko store ls shows what is there");
}

// Whether the source exists. A bucket folder without files does not, so if emptying the destination
// may be intended, that is not an error yet.
bool check_folders(const std::string& from, const std::string& to, bool may_be_missing) {
  if (same_place(from, to) || lies_in(from, to) || lies_in(to, from)) {
    throw Error(ErrorCode::kUsage, to,
                "is the same folder as " + from + ", or one is inside the other",
                "choose two separate folders");
  }
  const auto there = stat(from);
  if (there && !there->is_folder) {
    throw input_error(from, "is a file", "copy it with oko store cp, without --recursive");
  }
  if (is_local(to)) {  // in a bucket x and x/… do not know each other
    const auto target = stat(to);
    if (target && !target->is_folder) {
      throw Error(ErrorCode::kUsage, to, "is a file, and a folder is copied to it",
                  "name a folder, or a new one");
    }
  }
  if (!there && !may_be_missing) refuse_missing(from);
  return there.has_value();
}

// Two separate local folders may contain links into each other.
class LinkCheck {
 public:
  LinkCheck(std::string from, std::string to)
      : from_(std::move(from)), to_(std::move(to)), needed_(is_local(from_) && is_local(to_)) {}

  // Throws kUsage if the file would be read from below `to` or written below `from`.
  void check(const CopyJob& job) {
    if (!needed_) return;
    check_folder(parent(job.from.uri), to_, last_source_);
    check_folder(parent(job.to), from_, last_target_);
  }

 private:
  static void check_folder(const std::string& folder, const std::string& other, std::string& last) {
    if (folder == last) return;  // names are sorted
    last = folder;
    if (!same_place(folder, other) && !lies_in(folder, other)) return;
    throw Error(ErrorCode::kUsage, folder, "contains a link into " + other,
                "exclude it, or remove the link");
  }

  std::string from_, to_, last_source_, last_target_;
  bool needed_;
};

void check_may_empty(const std::string& from, const std::string& to, bool is_there,
                     std::uint64_t files, const TransferOptions& options) {
  if (options.may_empty && options.may_empty(files)) return;
  throw Error(ErrorCode::kUsage, from,
              std::string(is_there ? "has no files to copy" : "no such folder") + ", so all " +
                  std::to_string(files) + " in " + to + " would be removed",
              "check the name of the source; use --yes if intended");
}

}  // namespace

TransferSummary transfer_files(const std::vector<TransferPair>& files,
                               const TransferOptions& options, Progress& progress) {
  if (files.empty()) return {};
  const Watch watch(options.interrupted);
  std::vector<CopyJob> jobs;
  std::set<std::string> targets;
  for (const TransferPair& pair : files) {
    if (same_place(pair.from, pair.to)) {
      throw Error(ErrorCode::kUsage, pair.to, "is the same file as " + pair.from,
                  "choose another target");
    }
    if (!targets.insert(pair.to).second) {
      throw Error(ErrorCode::kUsage, pair.to, "two files would be copied to this name",
                  "copy them one by one under different names");
    }
    auto from = stat(pair.from);
    if (!from) throw input_error(pair.from, "no such file", "check the name");
    if (from->is_folder) {
      throw Error(ErrorCode::kUsage, pair.from, "is a folder", "add --recursive");
    }
    jobs.push_back({pair.to, std::move(*from), pair.to, stat(pair.to), 1, ""});
  }
  Transfer transfer(options, watch, files.front().from, files.front().to, progress);
  transfer.copy(std::move(jobs));
  return transfer.end();
}

TransferSummary transfer_folder(const std::string& from, const std::string& to,
                                const TransferOptions& options, Progress& progress) {
  const Watch watch(options.interrupted);
  const bool is_there = check_folders(from, to, options.remove_extra);
  const bool to_disk = is_local(to);
  Transfer transfer(options, watch, as_folder(from), as_folder(to), progress);
  Pairs pairs(as_folder(from), as_folder(to));
  LinkCheck links(from, to);
  std::vector<CopyJob> jobs;
  std::vector<std::string> extra;
  std::uint64_t sources = 0, linked_kept = 0;
  while (auto pairing = pairs.next()) {
    if (!options.filter.takes(pairing->name)) continue;
    if (!pairing->from) {
      if (!options.remove_extra) continue;
      if (pairing->to->linked) {
        ++linked_kept;
      } else {
        extra.push_back(pairing->to->uri);
      }
      continue;
    }
    ++sources;
    // Some programs represent folders by empty objects with the folder's name.
    if (to_disk && pairing->name.ends_with('/') && pairing->from->size == 0) continue;
    CopyJob job{pairing->name,
                std::move(*pairing->from),
                as_folder(to) + pairing->name,
                std::move(pairing->to),
                1,
                ""};
    if (to_disk) {
      const std::string fault = fault_in_relative_path(pairing->name, NameRule::kThisDisk);
      if (!fault.empty()) {
        transfer.refuse(job, Error(ErrorCode::kStorage, job.from.uri,
                                   "its name cannot be a file name below " + to + ": it " + fault,
                                   "copy it separately under another name"));
        continue;
      }
    }
    links.check(job);
    jobs.push_back(std::move(job));
    if (jobs.size() == kBatch) transfer.copy(std::exchange(jobs, {}));
  }
  transfer.copy(std::move(jobs));
  // Nothing is removed before everything else is copied.
  if (transfer.end().failed == 0 && pairs.skipped().empty() && !extra.empty()) {
    if (sources == 0 && !options.dry_run) {
      check_may_empty(from, to, is_there, extra.size(), options);
    }
    transfer.remove(std::move(extra));
  } else if (!is_there && sources == 0) {
    refuse_missing(from);
  }
  TransferSummary summary = transfer.end();
  summary.skipped = pairs.skipped();
  summary.linked_kept = linked_kept;
  return summary;
}

}  // namespace oko::storage
