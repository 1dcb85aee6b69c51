#include "oko/base/source_date.h"

#include <charconv>

#include "oko/base/error.h"

namespace oko {

std::optional<std::int64_t> source_date(
    const std::function<std::string(const char*)>& environment) {
  const std::string text = environment("SOURCE_DATE_EPOCH");
  if (text.empty()) return std::nullopt;
  constexpr std::int64_t kLatest = 253'402'300'799;  // of the year 9999
  std::int64_t seconds = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, seconds);
  if (error != std::errc() || end != last || seconds < 0 || seconds > kLatest) {
    throw Error(ErrorCode::kUsage, "SOURCE_DATE_EPOCH", "\"" + text + "\" is not a time",
                "use seconds since 1970");
  }
  return seconds;
}

}  // namespace oko
