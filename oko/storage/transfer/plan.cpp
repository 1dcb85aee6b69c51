#include "oko/storage/transfer/plan.h"

#include "oko/base/error.h"

namespace oko::storage {

Listing::Listing(std::string folder) : folder_(std::move(folder)), pages_(folder_, true) {}

const Entry* Listing::peek() {
  while (at_ == page_.entries.size()) {
    if (!pages_.next(page_)) return nullptr;
    skipped_.insert(skipped_.end(), page_.skipped.begin(), page_.skipped.end());
    at_ = 0;
  }
  if (page_.entries[at_].uri <= last_) {
    throw Error(ErrorCode::kStorage, page_.entries[at_].uri,
                "the server's list is not in order, so folders cannot be compared",
                "copy the files one by one");
  }
  return &page_.entries[at_];
}

Entry Listing::take() {
  Entry entry = std::move(page_.entries[at_++]);
  last_ = entry.uri;
  return entry;
}

std::optional<Pairing> Pairs::next() {
  const Entry* from = from_.peek();
  const Entry* to = to_.peek();
  if (from == nullptr && to == nullptr) return std::nullopt;
  const std::string from_name = from == nullptr ? "" : from_.name_of(*from);
  const std::string to_name = to == nullptr ? "" : to_.name_of(*to);
  Pairing pairing;
  if (from != nullptr && (to == nullptr || from_name <= to_name)) {
    pairing.name = from_name;
    pairing.from = from_.take();
  }
  if (to != nullptr && (from == nullptr || to_name <= from_name)) {
    pairing.name = to_name;
    pairing.to = to_.take();
  }
  return pairing;
}

std::string as_folder(const std::string& uri) { return uri.ends_with('/') ? uri : uri + "/"; }

}  // namespace oko::storage
