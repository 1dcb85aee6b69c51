#include "oko/storage/pages.h"

#include "oko/base/error.h"

namespace oko::storage {

Pages::Pages(const Uri& prefix, bool recursive)
    : Pages(prefix.text(), [prefix, recursive](const std::string& token) {
        return store_for(prefix).list_page(prefix, recursive, token);
      }) {}

bool Pages::next(Page& page) {
  constexpr int kMostEmpty = 10'000;  // Google may send some after many removals
  if (begun_ && token_.empty()) return false;
  begun_ = true;
  page = fetch_(token_);
  token_ = page.next;
  empty_ = page.entries.empty() ? empty_ + 1 : 0;
  const bool repeats = !token_.empty() && !seen_.insert(std::hash<std::string>()(token_)).second;
  if (repeats || empty_ > kMostEmpty) {
    throw Error(ErrorCode::kStorage, place_,
                repeats ? "the server's list never ends: it repeats a continuation token"
                        : "the server's list never ends: it keeps sending empty pages",
                "this is a server error: try again later, or list a smaller folder");
  }
  return true;
}

}  // namespace oko::storage
