#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/json.h"

namespace oko::seal {

// What is signed of a sealed model: enough to decide whether to open it, and to know what it is
// without opening it.
struct Manifest {
  std::string content = "oko";  // the format of the file inside, as oko export --to names it
  std::string model;            // which model: "cards"; see fault_in_model_id()
  std::uint64_t release = 0;    // from 1; each release of a model has a higher number
  std::string minimum_app;      // lowest version of the app that may open it: "2.4.1"; empty: any
  std::int64_t created = 0;     // seconds since 1970
  std::int64_t expires = 0;     // the first second in which it is not opened any more; 0: never
  std::uint64_t size = 0, sealed_size = 0;  // bytes of the model and of its age file
  std::string hash, sealed_hash;            // BLAKE2b of 256 bits, in hexadecimal digits
  std::string customer;                     // whose copy it is; empty: everybody's
  std::vector<std::string> classes;
  Json input = Json::object();       // width, height, channels
  Json preprocess = Json::object();  // as docs/oko-file.md defines it

  bool operator==(const Manifest&) const = default;
};

// Why this cannot be a model's id ("is empty"), or "". An id is part of file names and addresses:
// 1 to 64 lower-case letters, digits, '.', '_' and '-', the first a letter or digit.
std::string fault_in_model_id(std::string_view id);

// One manifest has one text: JSON with two spaces of indent and a newline at the end.
std::string manifest_text(const Manifest& manifest);

// Throws Refused (kDamaged) for a text that manifest_text() would not write, or of more than 1 MiB.
Manifest read_manifest(std::string_view text, const std::string& name);

// Versions of apps: 1 to 4 numbers with dots between them. Missing ones count as 0.
bool is_app_version(std::string_view text);
// Whether `a` is older than `b`, both valid.
bool is_older(std::string_view a, std::string_view b);

// "2026-11-30T08:00:00Z" and seconds since 1970; only this form, with years 1970 to 9999.
std::string utc_text(std::int64_t seconds);
std::optional<std::int64_t> utc_seconds(std::string_view text);

}  // namespace oko::seal
