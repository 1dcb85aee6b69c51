#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace oko::storage {

// Where a file or folder is: a plain path or file:// on this disk, gs://BUCKET/KEY or
// s3://BUCKET/KEY. Parsed and checked once. Names in buckets are literal: no % codes, no "..".
class Uri {
 public:
  // From text, or what converts to it (a std::filesystem::path). kUsage for another scheme, for a
  // bucket that is missing or has invalid characters, and for a key of more than 1024 bytes.
  template <std::convertible_to<std::string> Text>
  Uri(const Text& text) : Uri(Parsed{}, text) {}
  Uri(std::string_view text) : Uri(Parsed{}, std::string(text)) {}

  const std::string& text() const { return text_; }  // as it was given
  const std::string& scheme() const { return scheme_; }
  bool is_local() const { return bucket_.empty(); }
  // Of a local file.
  const std::string& path() const { return name_; }
  // Of a file in a bucket; an empty key is the bucket itself.
  const std::string& bucket() const { return bucket_; }
  const std::string& key() const { return name_; }
  // Another name in the same bucket. Not checked: servers list what they have.
  Uri with_key(std::string key) const;

 private:
  struct Parsed {};
  Uri(Parsed, std::string text);

  std::string text_, scheme_, bucket_, name_;
};

// What follows is purely textual, works for every scheme and never fails.

// Whether that is a plain path or file://.
bool is_local(std::string_view uri);

std::string join(std::string_view folder,
                 std::string_view name);  // an absolute name is returned unchanged
std::string parent(std::string_view uri);
std::string filename(std::string_view uri);
std::string stem(std::string_view uri);       // filename without its last extension
std::string extension(std::string_view uri);  // lower case with the dot: ".jpg"; "" without one

}  // namespace oko::storage
