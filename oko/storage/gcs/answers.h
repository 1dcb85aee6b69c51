#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/storage/store.h"

namespace oko::storage::gcs {

// Parses Google Cloud Storage's JSON responses. Each function throws an input Error with `name` if
// the text is not as expected.

struct Object {
  std::string name;
  Entry entry;             // without URI
  std::string write_mark;  // metadata "oko-write"
};
Object parse_object(std::string_view json, const std::string& name);

struct Listing {
  std::vector<Object> objects;
  std::vector<std::string> prefixes;
  std::string next;
};
Listing parse_listing(std::string_view json, const std::string& name);

struct Rewrite {
  std::string token;             // of the next call, if it is not done
  std::optional<Object> object;  // once it is
};
Rewrite parse_rewrite(std::string_view json, const std::string& name);

struct ErrorAnswer {
  std::string reason, message;
};
// Plain text, as in refused downloads, becomes the message.
ErrorAnswer parse_error(std::string_view text);

// How many bytes a session has received, by the header "Range: bytes=0-N" of a 308; without it
// none.
std::optional<std::uint64_t> parse_held(std::string_view range);

}  // namespace oko::storage::gcs
