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
      false;  // what the destination has and the source has not; after all else went well
  // Asked, with how many files it is about, before remove_extra takes everything because the source
  // has no files. Not set, or false: an Error of kUsage, and nothing is removed.
  std::function<bool(std::uint64_t files)> may_empty;
  bool dry_run = false;  // only tell what would be done
  bool force = false;    // copy also what has not changed
  int connections = 0;   // at a time; 0: chosen along the way, 64 at most
  std::uint64_t part_size = std::uint64_t{16} << 20;  // of files larger than two of them
  std::uint64_t memory = std::uint64_t{96} << 20;     // for what is on its way, bytes
  std::string manifest;               // where to remember what was done; empty: nowhere
  std::function<bool()> interrupted;  // asked a few times a second, by another thread
  std::function<void(const TransferAction&)> tell;  // of every file; one call at a time
};

struct TransferSummary {
  std::uint64_t copied = 0, unchanged = 0, removed = 0, failed = 0;
  std::uint64_t bytes = 0;       // copied
  std::uint64_t parts_kept = 0;  // of an interrupted transfer before, that were used again
  double seconds = 0;
  int connections = 0;        // at the end
  std::vector<Error> errors;  // the first few
  // What of the source is no file and was not copied. Nothing is removed then: a link to nothing
  // may be a disk that is not mounted.
  std::vector<Skipped> skipped;
  // Files that remove_extra leaves because they lie in linked folders.
  std::uint64_t linked_kept = 0;
};

struct TransferPair {
  std::string from, to;
};

// Copies files between any two places, many at a time and big ones in parts. Within one kind of
// bucket the store does it itself. A file is there under its name whole or not at all; its size and
// checksum are compared from end to end wherever a store tells one:
//
//  * crc32c, or MD5 (an ETag of S3 that is one), against what was read or written;
//  * what S3 keeps in parts, against the ETag made of the parts' MD5s, where the parts' size can be
//    guessed; otherwise two readings must agree.
//
// A file is unchanged, and left as it is, where the destination has the same size and either the
// manifest knows both versions, or both have the same checksum (files on disk are read for it).
//
// A file that cannot be copied is told in the summary, and the others go on; when the first ten
// fail and none succeeds, or the transfer is interrupted (kInterrupted), the rest is given up and
// an Error is thrown. Parts of big files stay then, and the manifest knows them.
// kUsage where a file would be copied to itself, or two to one name.
TransferSummary transfer_files(const std::vector<TransferPair>& files,
                               const TransferOptions& options, Progress& progress);

// Everything in a folder into another, under the same relative names. Names that a file on disk
// cannot have, or that would lead out of the folder, fail. kInput where there is no such folder
// (with remove_extra only if the destination has no files: else it is like an empty one), kUsage
// where both are the same or one lies in the other, however they are written
// (oko/storage/places.h).
TransferSummary transfer_folder(const std::string& from, const std::string& to,
                                const TransferOptions& options, Progress& progress);

}  // namespace oko::storage
