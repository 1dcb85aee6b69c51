#include "oko/base/error.h"

#include <utility>

namespace oko {

Error::Error(ErrorCode code, std::string place, std::string message, std::string hint)
    : code_(code), place_(std::move(place)), message_(std::move(message)), hint_(std::move(hint)) {
  if (!place_.empty()) what_ = place_ + ": ";
  what_ += message_;
  if (!hint_.empty()) what_ += " (" + hint_ + ")";
}

Error Error::within(std::string_view outer) const {
  std::string place(outer);
  if (!place_.empty()) place += ": " + place_;
  return Error(code_, std::move(place), message_, hint_);
}

}  // namespace oko
