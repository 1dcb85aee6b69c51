#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "oko/base/json.h"

// What the signed JSON texts (manifests, indexes of updates) have in common. Each content has one
// text: two spaces of indent and a newline at the end.
namespace oko::seal {

// "2026-11-30T08:00:00Z" and seconds since 1970; only this form, with years 1970 to 9999.
std::string utc_text(std::int64_t seconds);
std::optional<std::int64_t> utc_seconds(std::string_view text);

// Of `json`, which is at `place`. Throw an input Error for what is missing or of another kind.
std::int64_t time_field(const Json& json, const char* key, const std::string& place);
// BLAKE2b of 256 bits, in hexadecimal digits.
std::string hash_field(const Json& json, const char* key, const std::string& place);
// What is counted up and never down: 1 to 2^53 - 1, as far as JavaScript counts.
std::uint64_t number_field(const Json& json, const char* key, const std::string& place);
// A model's id, or the name of a format; see fault_in_model_id().
std::string id_field(const Json& json, const char* key, const std::string& place);
// A version of an app, or "" if there is no such member.
std::string app_version_field(const Json& json, const char* key, const std::string& place);

// "format" and "version", the first two members.
inline constexpr int kTextVersion = 1;
void check_format(const Json& json, std::string_view format, const std::string& place);

std::string canonical_text(const Json& json);
// Runs `read`, and throws Refused (kDamaged) instead of an input Error, and if the text is not
// `write()`, what canonical_text() makes of what was read.
void read_canonically(std::string_view text, const std::string& place,
                      const std::function<void(const Json&)>& read,
                      const std::function<std::string()>& write);

// Why this cannot be a model's id ("is empty"), or "". An id is part of file names and addresses:
// 1 to 64 lower-case letters, digits, '.', '_' and '-', the first a letter or digit.
std::string fault_in_model_id(std::string_view id);

// Versions of apps: 1 to 4 numbers with dots between them. Missing ones count as 0.
bool is_app_version(std::string_view text);
// Whether `a` is older than `b`, both valid.
bool is_older(std::string_view a, std::string_view b);

}  // namespace oko::seal
