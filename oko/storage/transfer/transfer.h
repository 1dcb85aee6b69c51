#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/storage/store.h"
#include "oko/storage/transfer/filter.h"

namespace oko::storage {

struct TransferAction {
  enum class Kind { kCopied, kUnchanged, kRemoved, kFailed };
  Kind kind = Kind::kCopied;
  std::string from, to;
  std::uint64_t size = 0;
};

struct TransferOptions {
  Filter filter;  // of names relative to the folder
  bool remove_extra =
      false;  // files that only the destination has; after everything else succeeded
  // Called with the number of files before remove_extra removes everything because the source has
  // no files. Not set, or false: an Error of kUsage, and nothing is removed.
  std::function<bool(std::uint64_t files)> may_empty;
  bool dry_run = false;                               // only report what would be done
  bool force = false;                                 // also copy unchanged files
  int connections = 0;                                // at a time; 0: chosen adaptively, at most 64
  std::uint64_t part_size = std::uint64_t{16} << 20;  // of files larger than two of them
  std::uint64_t memory = std::uint64_t{96} << 20;     // for data in flight, bytes
  std::string manifest;                               // where to record progress; empty: nowhere
  std::function<bool()> interrupted;  // polled a few times a second, by another thread
  std::function<void(const TransferAction&)> report;  // for every file; one call at a time
};

struct TransferSummary {
  std::uint64_t copied = 0, unchanged = 0, removed = 0, failed = 0;
  std::uint64_t bytes = 0;       // copied
  std::uint64_t parts_kept = 0;  // reused from an earlier interrupted transfer
  double seconds = 0;
  int connections = 0;        // at the end
  std::vector<Error> errors;  // the first few
  // What in the source is not a file and was not copied. Nothing is removed then: a broken link may
  // be an unmounted disk.
  std::vector<Skipped> skipped;
  // Files that remove_extra keeps because they are in linked folders.
  std::uint64_t linked_kept = 0;
};

struct TransferPair {
  std::string from, to;
};

// Copies files between any two places, many at a time and large ones in parts. Within one kind of
// bucket the copy is server-side. Files appear atomically; size and checksum are compared end to
// end wherever a store reports one:
//
//  * crc32c, or MD5 (an S3 ETag that is one), against what was read or written;
//  * what S3 keeps in parts, against the ETag made of the parts' MD5s, where the parts' size can be
//    guessed; otherwise two readings must agree.
// A file is unchanged, and skipped, if the destination has the same size and either the manifest
// has both versions, or both have the same checksum (local files are read for it). A file that
// cannot be copied is reported in the summary, and the others continue; if the first ten fail and
// none succeeds, or the transfer is interrupted (kInterrupted), the rest is aborted and an Error is
// thrown. Parts of large files are kept then and recorded in the manifest. kUsage if a file would
// be copied to itself, or two to the same name.
TransferSummary transfer_files(const std::vector<TransferPair>& files,
                               const TransferOptions& options, Progress& progress);

// Everything in a folder into another, under the same relative names. Names that a file on disk
// cannot have, or that point outside the folder, fail. kInput if there is no such folder (with
// remove_extra only if the destination has no files: else it is like an empty one), kUsage if both
// are the same or one is inside the other, however they are spelled (oko/storage/places.h).
TransferSummary transfer_folder(const std::string& from, const std::string& to,
                                const TransferOptions& options, Progress& progress);

}  // namespace oko::storage
