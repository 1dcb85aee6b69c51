#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oko/seal/fields.h"

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

// One manifest has one text (fields.h).
std::string manifest_text(const Manifest& manifest);

// Throws Refused (kDamaged) for a text that manifest_text() would not write, or of more than 1 MiB.
Manifest read_manifest(std::string_view text, const std::string& name);

}  // namespace oko::seal
