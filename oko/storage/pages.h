#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <unordered_set>

#include "oko/storage/store.h"

namespace oko::storage {

// The pages of one list, one after another. A server whose list does not end (a token comes twice,
// or thousands of pages in a row are empty) is a storage Error.
class Pages {
 public:
  using Fetch = std::function<Page(const std::string& token)>;

  // What list_page() gives for this prefix.
  Pages(const std::string& prefix, bool recursive);
  // Pages that somebody else asks for; `place` is named in errors.
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
