#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/storage/store.h"

namespace oko::storage::gcs {

// The JSON that Google Cloud Storage answers. Each function throws an input Error with `name` where
// the text is not what it should be.

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
  std::string token;             // of the next call, where it is not done
  std::optional<Object> object;  // once it is
};
Rewrite parse_rewrite(std::string_view json, const std::string& name);

struct ErrorAnswer {
  std::string reason, message;
};
// Plain text, as downloads are refused with, becomes the message.
ErrorAnswer parse_error(std::string_view text);

// How many bytes a session holds, by the header "Range: bytes=0-N" of a 308; none means none.
std::optional<std::uint64_t> parse_held(std::string_view range);

}  // namespace oko::storage::gcs
