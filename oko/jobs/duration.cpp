#include "oko/jobs/duration.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
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

// "1 h 30 min" of 90 and 60.
std::string in_two_units(long long value, long long one, const char* large, const char* small) {
  const std::string text = fmt::format("{} {}", value / one, large);
  return value % one == 0 ? text : text + fmt::format(" {} {}", value % one, small);
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

std::string duration_text(double seconds) {
  constexpr double kMost = 1e12;
  seconds = std::clamp(seconds, 0.0, kMost);
  if (seconds < 9.95) return fmt::format("{:.3g} s", std::round(seconds * 10) / 10);
  const long long whole = std::llround(seconds), minutes = std::llround(seconds / 60),
                  hours = std::llround(seconds / 3600);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 600) return in_two_units(whole, 60, "min", "s");
  if (minutes < 120 && minutes % 60 != 0) return fmt::format("{} min", minutes);
  if (minutes < 48 * 60) return in_two_units(minutes, 60, "h", "min");
  return in_two_units(hours, 24, "d", "h");
}

std::string age_text(double seconds) {
  seconds = std::max(seconds, 0.0);
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.0f} min", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{:.0f} h", seconds / 3600);
  return fmt::format("{:.0f} d", seconds / 86400);
}

}  // namespace oko::jobs
