#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace oko {

// The single place that decides whether an untrusted name (a split, an id, a key in a bucket, the
// stem of an exported file) may become the name of a file or folder.

// Bytes in one name, without its folders, that every common file system accepts.
inline constexpr std::size_t kLongestFileName = 255;

enum class NameRule {
  // Names that refer to the same file on every system and in every tool: besides what kThisDisk
  // rejects, no '\', no control characters and no drive letter ("C:x").
  kPortable,
  // Names that this disk can store at all. For copies of files that already have that name.
  kThisDisk,
};

// Why `name` cannot be the name of one file or folder ("contains '/'"), or "" if it can. Rejected
// are "", ".", "..", '/' and NUL, and more than 255 bytes; see NameRule for the rest.
std::string fault_in_file_name(std::string_view name, NameRule rule = NameRule::kPortable);
// The same for names joined by '/' ("train/a.jpg"): every one must be valid, so the path is
// relative and stays inside the folder that it is joined to.
std::string fault_in_relative_path(std::string_view path, NameRule rule = NameRule::kPortable);

// Returns `name` if it is valid. Otherwise throws an input Error at `place`; `what` says what is
// named: "the split".
const std::string& checked_file_name(const std::string& name, const std::string& place,
                                     std::string_view what);
const std::string& checked_relative_path(const std::string& path, const std::string& place,
                                         std::string_view what);

// A valid file name from any text: characters that kPortable rejects and a leading '.' (which hides
// a file) become '_', and a text of more than `longest` bytes is truncated between two characters
// and ends in '_' and 16 hexadecimal digits of its hash, so that different texts stay different.
// `longest` is at least 32; leave room for an extension.
std::string file_name_from(std::string_view text, std::size_t longest = kLongestFileName);

}  // namespace oko
