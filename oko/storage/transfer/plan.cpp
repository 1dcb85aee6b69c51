#include "oko/storage/transfer/plan.h"

namespace oko::storage {

Listing::Listing(std::string folder) : folder_(std::move(folder)) {}

const Entry* Listing::peek() {
  while (at_ == page_.entries.size()) {
    if (!first_ && page_.next.empty()) return nullptr;
    page_ = store_for(folder_).list_page(folder_, true, page_.next);
    first_ = false;
    at_ = 0;
  }
  return &page_.entries[at_];
}

Entry Listing::take() { return std::move(page_.entries[at_++]); }

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
