#include "oko/seal/manifest.h"

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
constexpr std::uint64_t kLargestRelease = (std::uint64_t{1} << 53) - 1;  // as JavaScript counts
constexpr std::int64_t kEndOfTime = 253402300799;                        // the year 9999
constexpr const char* kFormat = "oko sealed model";
constexpr int kVersion = 1;

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

void check_hash(const std::string& hash, const char* key, const std::string& name) {
  const bool is_hash = hash.size() == kHashDigits && std::ranges::all_of(hash, [](char c) {
                         return is_digit(c) || (c >= 'a' && c <= 'f');
                       });
  if (!is_hash) throw input_error(name, std::string("\"") + key + "\" is not a hash");
}

std::int64_t time_of(const Json& json, const char* key, const std::string& name) {
  const auto seconds = utc_seconds(json_get<std::string>(json, key, name));
  if (!seconds) {
    throw input_error(name, std::string("\"") + key + "\" is not a time as 2026-11-30T08:00:00Z");
  }
  return *seconds;
}

Manifest parse(std::string_view text, const std::string& name) {
  const Json json = parse_json(text, name);
  if (json_get<std::string>(json, "format", name) != kFormat) {
    throw input_error(name, "is not the manifest of a sealed model");
  }
  if (json_get<int>(json, "version", name) != kVersion) {
    throw input_error(name, "is of another version of the format",
                      "the app needs a newer version of oko");
  }
  Manifest manifest;
  manifest.content = json_get<std::string>(json, "content", name);
  if (const std::string fault = fault_in_model_id(manifest.content); !fault.empty()) {
    throw input_error(name, "\"content\" " + fault);
  }
  manifest.model = json_get<std::string>(json, "model", name);
  if (const std::string fault = fault_in_model_id(manifest.model); !fault.empty()) {
    throw input_error(name, "the model's id " + fault);
  }
  manifest.release = json_get<std::uint64_t>(json, "release", name);
  if (manifest.release < 1 || manifest.release > kLargestRelease) {
    throw input_error(name, "\"release\" is not a number from 1 to 2^53 - 1");
  }
  manifest.created = time_of(json, "created", name);
  if (json.contains("expires")) manifest.expires = time_of(json, "expires", name);
  manifest.minimum_app = json_get_or<std::string>(json, "minimum_app", "", name);
  if (!manifest.minimum_app.empty() && !is_app_version(manifest.minimum_app)) {
    throw input_error(name, "\"minimum_app\" is not a version");
  }
  manifest.customer = json_get_or<std::string>(json, "customer", "", name);
  const Json plain = json_get<Json>(json, "plain", name);
  manifest.size = json_get<std::uint64_t>(plain, "size", name + ": plain");
  manifest.hash = json_get<std::string>(plain, "blake2b", name + ": plain");
  check_hash(manifest.hash, "blake2b", name + ": plain");
  const Json sealed = json_get<Json>(json, "sealed", name);
  manifest.sealed_size = json_get<std::uint64_t>(sealed, "size", name + ": sealed");
  manifest.sealed_hash = json_get<std::string>(sealed, "blake2b", name + ": sealed");
  check_hash(manifest.sealed_hash, "blake2b", name + ": sealed");
  manifest.input = json_get<Json>(json, "input", name);
  for (const char* side : {"channels", "height", "width"}) {
    if (json_get<int>(manifest.input, side, name + ": input") < 1) {
      throw input_error(name + ": input", std::string("\"") + side + "\" is below 1");
    }
  }
  manifest.preprocess = json_get<Json>(json, "preprocess", name);
  if (!manifest.preprocess.is_object()) {
    throw input_error(name, "\"preprocess\" is not an object");
  }
  const Json classes = json_get<Json>(json, "classes", name);
  if (!classes.is_array()) throw input_error(name, "\"classes\" is not a list");
  for (const Json& one : classes) {
    if (!one.is_string()) throw input_error(name, "\"classes\" has a name that is not text");
    manifest.classes.push_back(one.get<std::string>());
  }
  return manifest;
}

}  // namespace

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
  const sys_seconds time = sys_days(date) + hours(part(11, 2)) + minutes(part(14, 2)) +
                           std::chrono::seconds(part(17, 2));
  const std::int64_t seconds = time.time_since_epoch().count();
  if (seconds < 0 || seconds > kEndOfTime) return std::nullopt;
  return seconds;
}

std::string manifest_text(const Manifest& manifest) {
  Json json = {{"format", kFormat},
               {"version", kVersion},
               {"content", manifest.content},
               {"model", manifest.model},
               {"release", manifest.release}};
  if (!manifest.minimum_app.empty()) json["minimum_app"] = manifest.minimum_app;
  json["created"] = utc_text(manifest.created);
  if (manifest.expires != 0) json["expires"] = utc_text(manifest.expires);
  if (!manifest.customer.empty()) json["customer"] = manifest.customer;
  json["plain"] = {{"size", manifest.size}, {"blake2b", manifest.hash}};
  json["sealed"] = {{"size", manifest.sealed_size}, {"blake2b", manifest.sealed_hash}};
  json["input"] = manifest.input;
  json["preprocess"] = manifest.preprocess;
  json["classes"] = manifest.classes;
  return json.dump(2) + "\n";
}

Manifest read_manifest(std::string_view text, const std::string& name) {
  try {
    if (text.size() > kLongestText) throw input_error(name, "the manifest has more than 1 MiB");
    Manifest manifest = parse(text, name);
    if (manifest_text(manifest) != text) {
      throw input_error(name, "the manifest is not written as oko writes it");
    }
    return manifest;
  } catch (const Error& error) {
    throw Refused(Refusal::kDamaged, error.place(), error.message(), error.hint());
  }
}

}  // namespace oko::seal
