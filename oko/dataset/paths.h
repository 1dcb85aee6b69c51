#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace oko::dataset {

// "./a\\../b/" becomes "b": separators of this system, no dots, no slash at the end, Unicode's form
// C.
std::string normal_path(std::string_view written);
// The same with the bytes of its names as they are.
std::string plain_path(std::string_view written);

// Folders of a relative path: "a/b/c.txt" has "a" and "b".
std::vector<std::string_view> folders_of(std::string_view path);

// Whether a folder's name describes its content ("images", "labels"), not which images.
bool is_usual_folder(std::string_view name);

// Whether a path as written points outside the dataset, so that only its end can be found here: an
// absolute one, one from another machine or a URL, or one that starts with "..".
bool is_foreign_path(std::string_view written);

// How many folders before the file name are the same, counted from the end, and 1 for the name.
std::size_t common_ending(std::string_view a, std::string_view b);
// How many folders of two relative paths are the same, counted from the root.
std::size_t shared_folders(std::string_view a, std::string_view b);

// Decodes "%20" and the like; returns the text unchanged if that gives control characters.
std::string percent_decoded(std::string_view text);

}  // namespace oko::dataset
