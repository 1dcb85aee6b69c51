#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/storage/pages.h"
#include "oko/storage/store.h"

namespace oko::storage {

// All files of a folder, page by page, sorted by name: a storage Error if the server sends them in
// another order, as files would then seem to be missing.
class Listing {
 public:
  // `folder` ends with '/'.
  explicit Listing(std::string folder);
  // The next file, or null after the last.
  const Entry* peek();
  Entry take();
  // Its name relative to the folder.
  std::string name_of(const Entry& entry) const { return entry.uri.substr(folder_.size()); }
  // What could not be listed on the pages so far.
  const std::vector<Skipped>& skipped() const { return skipped_; }

 private:
  std::string folder_;
  Pages pages_;
  Page page_;
  std::size_t at_ = 0;
  std::string last_;  // URI of the entry before
  std::vector<Skipped> skipped_;
};

// A name in the source, the destination, or both.
struct Pairing {
  std::string name;
  std::optional<Entry> from, to;
};

// Iterates over two folders in parallel. Memory does not grow with the number of files.
class Pairs {
 public:
  Pairs(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  std::optional<Pairing> next();
  // What could not be listed of the source so far.
  const std::vector<Skipped>& skipped() const { return from_.skipped(); }

 private:
  Listing from_, to_;
};

// "gs://b/x" → "gs://b/x/"
std::string as_folder(const std::string& uri);

}  // namespace oko::storage
