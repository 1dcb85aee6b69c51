#include "oko/seal/fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>

#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

constexpr std::size_t kLongestId = 64, kLongestText = std::size_t{1} << 20, kHashDigits = 64;
constexpr std::uint64_t kLargestNumber = (std::uint64_t{1} << 53) - 1;
constexpr std::int64_t kEndOfTime = 253402300799;  // the year 9999

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::array<std::uint32_t, 4> numbers_of(std::string_view version) {
  std::array<std::uint32_t, 4> numbers{};
  for (std::uint32_t& number : numbers) {
    const std::size_t dot = std::min(version.find('.'), version.size());
    std::from_chars(version.data(), version.data() + dot, number);
    version.remove_prefix(std::min(dot + 1, version.size()));
  }
  return numbers;
}

// Decimal digits of a fixed width.
std::optional<int> number_at(std::string_view text, std::size_t at, std::size_t width) {
  int value = 0;
  for (const char c : text.substr(at, width)) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

Error fault_at(const std::string& place, const char* key, const std::string& fault) {
  return input_error(place, "\"" + std::string(key) + "\" " + fault);
}

}  // namespace

std::string utc_text(std::int64_t seconds) {
  using namespace std::chrono;
  const sys_seconds time{std::chrono::seconds(seconds)};
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

std::optional<std::int64_t> utc_seconds(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view kPattern = "0000-00-00T00:00:00Z";
  if (text.size() != kPattern.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kPattern[i] == '0' ? !is_digit(text[i]) : text[i] != kPattern[i]) return std::nullopt;
  }
  const auto part = [&](std::size_t at, std::size_t width) { return *number_at(text, at, width); };
  const year_month_day date{year(part(0, 4)), month(static_cast<unsigned>(part(5, 2))),
                            day(static_cast<unsigned>(part(8, 2)))};
  if (!date.ok() || part(11, 2) > 23 || part(14, 2) > 59 || part(17, 2) > 59) return std::nullopt;
  const sys_seconds time = sys_seconds(sys_days(date)) + hours(part(11, 2)) + minutes(part(14, 2)) +
                           std::chrono::seconds(part(17, 2));
  const std::int64_t seconds = time.time_since_epoch().count();
  if (seconds < 0 || seconds > kEndOfTime) return std::nullopt;
  return seconds;
}

std::int64_t time_field(const Json& json, const char* key, const std::string& place) {
  const auto seconds = utc_seconds(json_get<std::string>(json, key, place));
  if (!seconds) throw fault_at(place, key, "is not a time as 2026-11-30T08:00:00Z");
  return *seconds;
}

std::string hash_field(const Json& json, const char* key, const std::string& place) {
  std::string hash = json_get<std::string>(json, key, place);
  const bool is_hash = hash.size() == kHashDigits && std::ranges::all_of(hash, [](char c) {
                         return is_digit(c) || (c >= 'a' && c <= 'f');
                       });
  if (!is_hash) throw fault_at(place, key, "is not a hash");
  return hash;
}

std::uint64_t number_field(const Json& json, const char* key, const std::string& place) {
  const auto number = json_get<std::uint64_t>(json, key, place);
  if (number < 1 || number > kLargestNumber) {
    throw fault_at(place, key, "is not a number from 1 to 2^53 - 1");
  }
  return number;
}

std::string id_field(const Json& json, const char* key, const std::string& place) {
  std::string id = json_get<std::string>(json, key, place);
  if (const std::string fault = fault_in_model_id(id); !fault.empty()) {
    throw fault_at(place, key, fault);
  }
  return id;
}

std::string app_version_field(const Json& json, const char* key, const std::string& place) {
  if (!json.contains(key)) return "";
  std::string version = json_get<std::string>(json, key, place);
  if (!is_app_version(version)) throw fault_at(place, key, "is not a version");
  return version;
}

void check_format(const Json& json, std::string_view format, const std::string& place) {
  if (json_get<std::string>(json, "format", place) != format) {
    throw fault_at(place, "format", "is not \"" + std::string(format) + "\"");
  }
  if (json_get<int>(json, "version", place) != kTextVersion) {
    throw input_error(place, "is of another version of the format",
                      "the app needs a newer version of oko");
  }
}

std::string canonical_text(const Json& json) { return json.dump(2) + "\n"; }

void read_canonically(std::string_view text, const std::string& place,
                      const std::function<void(const Json&)>& read,
                      const std::function<std::string()>& write) {
  try {
    if (text.size() > kLongestText) throw input_error(place, "has more than 1 MiB");
    read(parse_json(text, place));
    if (write() != text) throw input_error(place, "is not written as oko writes it");
  } catch (const Error& error) {
    throw Refused(Refusal::kDamaged, error.place(), error.message(), error.hint());
  }
}

std::string fault_in_model_id(std::string_view id) {
  const auto is_first = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); };
  if (id.empty()) return "is empty";
  if (id.size() > kLongestId) return "has more than 64 characters";
  if (!is_first(id.front())) return "does not start with a lower-case letter or a digit";
  for (const char c : id) {
    if (!is_first(c) && c != '.' && c != '_' && c != '-') {
      return "has a character other than lower-case letters, digits, '.', '_' and '-'";
    }
  }
  return "";
}

bool is_app_version(std::string_view text) {
  constexpr std::size_t kMostDigits = 9, kMostNumbers = 4;
  std::size_t digits = 0, numbers = 1;
  for (const char c : text) {
    if (c == '.' && digits > 0 && numbers < kMostNumbers) {
      digits = 0;
      ++numbers;
    } else if (!is_digit(c) || ++digits > kMostDigits) {
      return false;
    }
  }
  return digits > 0;
}

bool is_older(std::string_view a, std::string_view b) { return numbers_of(a) < numbers_of(b); }

}  // namespace oko::seal
