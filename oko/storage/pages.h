#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <unordered_set>

#include "oko/storage/store.h"

namespace oko::storage {

// Iterates over the pages of a list. An endless list (a repeated token, or thousands of empty pages
// in a row) is a storage Error.
class Pages {
 public:
  using Fetch = std::function<Page(const std::string& token)>;

  // The pages of list_page() for this prefix.
  Pages(const Uri& prefix, bool recursive);
  // Pages from the caller's function; `place` is used in errors.
  Pages(std::string place, Fetch fetch) : place_(std::move(place)), fetch_(std::move(fetch)) {}

  // False after the last.
  bool next(Page& page);

 private:
  std::string place_;
  Fetch fetch_;
  std::string token_;
  bool begun_ = false;
  int empty_ = 0;                         // pages in a row
  std::unordered_set<std::size_t> seen_;  // hashes of tokens
};

}  // namespace oko::storage
