#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oko::storage::s3 {

// Parses S3's XML responses. Each function throws an input Error with `name` if the text is not as
// expected.

struct ListedObject {
  std::string key, etag;
  std::uint64_t size = 0;
};
struct Listing {
  std::vector<ListedObject> objects;
  std::vector<std::string> prefixes;
  std::string next;  // continuation token; empty after the last page
};
Listing parse_listing(std::string_view xml, const std::string& name);
// Whether a list of either version contains an object.
bool lists_any(std::string_view xml, const std::string& name);

struct ListedPart {
  int number = 0;
  std::string etag;
  std::uint64_t size = 0;
};
struct PartListing {
  std::vector<ListedPart> parts;
  std::string next;  // number of the last part; empty after the last page
};
PartListing parse_part_listing(std::string_view xml, const std::string& name);

struct ErrorAnswer {
  std::string code, message, region;
};
// Null if it is not an <Error>.
std::optional<ErrorAnswer> parse_error(std::string_view xml);

// The text of the element `child` of the root `root`.
std::string parse_value(std::string_view xml, const char* root, const char* child,
                        const std::string& name);

// The ETag of a completed multipart upload; empty if the server does not report it.
std::string parse_completed(std::string_view xml, const std::string& name);

struct DeleteFailure {
  std::string key, code, message;
};
std::vector<DeleteFailure> parse_delete_failures(std::string_view xml, const std::string& name);

// An ETag without its quotes.
std::string unquoted(std::string_view etag);
// Escapes text for an element.
std::string xml_escaped(std::string_view text);

}  // namespace oko::storage::s3
