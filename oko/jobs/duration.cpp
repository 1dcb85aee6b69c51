#include "oko/jobs/duration.h"

#include <charconv>
#include <string_view>

#include "oko/base/error.h"

namespace oko::jobs {
namespace {

constexpr double kMostHours = 24 * 366;

// Hours in one of the unit; 0 if there is no such unit.
double hours_in(char unit) {
  switch (unit) {
    case 's':
      return 1. / 3600;
    case 'm':
      return 1. / 60;
    case 'h':
      return 1;
    case 'd':
      return 24;
    default:
      return 0;
  }
}

}  // namespace

double parse_hours(const std::string& text, const std::string& place) {
  double hours = 0;
  std::string_view rest = text;
  bool valid = !rest.empty();
  while (valid && !rest.empty()) {
    double value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    const auto used = static_cast<std::size_t>(end - rest.data());
    valid = error == std::errc() && value >= 0 && used < rest.size() && hours_in(rest[used]) > 0;
    if (!valid) break;
    hours += value * hours_in(rest[used]);
    rest.remove_prefix(used + 1);
  }
  if (valid && hours > 0 && hours <= kMostHours) return hours;
  throw Error(ErrorCode::kUsage, place, "\"" + text + "\" is not a time",
              "write 90m, 2h, 1h30m or 3d; at most a year");
}

}  // namespace oko::jobs
