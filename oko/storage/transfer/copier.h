#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "oko/storage/local/many_files.h"
#include "oko/storage/store.h"
#include "oko/storage/transfer/manifest.h"
#include "oko/storage/transfer/transfer.h"
#include "oko/storage/transfer/workers.h"

namespace oko::storage {

// One file to copy.
struct CopyJob {
  std::string name;  // in the manifest
  Entry from;
  std::string to;
  std::optional<Entry> there;  // the current destination
  int attempt = 1;
  std::string reading;  // checksum of the previous attempt's data, if there is no other
};

// Shared by all jobs of a transfer: the counters and callbacks.
class Tally {
 public:
  explicit Tally(const TransferOptions& options) : options_(options) {}

  void report(TransferAction::Kind kind, const CopyJob& job);
  void failed(const CopyJob& job, const Error& error);
  void removed(const std::vector<Uri>& uris);
  void kept_parts(std::uint64_t count);
  TransferSummary summary() const;
  // The first error, if everything failed so far.
  std::optional<Error> hopeless() const;

  std::atomic<std::uint64_t> moved{0};  // bytes copied or found unchanged, for the bar
  std::atomic<bool> stopping{false};

 private:
  const TransferOptions& options_;
  mutable std::mutex mutex_;
  TransferSummary summary_;
};

// Copies files. run() is called by the threads of `workers`; it never throws.
class Copier {
 public:
  Copier(const TransferOptions& options, Workers& workers, Manifest& manifest, Tally& tally)
      : options_(options), workers_(workers), manifest_(manifest), tally_(tally) {}

  // How much memory run() needs for such a file.
  std::uint64_t memory_for(const CopyJob& job) const;
  void run(CopyJob job);
  // Finishes pending grouped writes.
  void flush() { on_disk_.flush(); }

 private:
  struct BigFile;

  bool is_big(const CopyJob& job) const { return job.from.size > 2 * options_.part_size; }
  bool is_unchanged(const CopyJob& job) const;
  void copy(CopyJob& job);
  void copy_small(const CopyJob& job);
  void copy_stream(const CopyJob& job);
  void copy_parts(CopyJob& job);
  void copy_part(const std::shared_ptr<BigFile>& file, int part);
  PartSums copy_at_once(BigFile& file, int part);
  PartSums copy_pieces(BigFile& file, int part);
  void end_part(const std::shared_ptr<BigFile>& file);
  void finish(BigFile& file);
  void finished(const CopyJob& job, const Entry& made);
  bool retry(const CopyJob& job);

  const TransferOptions& options_;
  Workers& workers_;
  Manifest& manifest_;
  Tally& tally_;
  local::ManyFiles on_disk_;
};

}  // namespace oko::storage
