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

// Folders on the way of a relative path: "a/b/c.txt" has "a" and "b".
std::vector<std::string_view> folders_of(std::string_view path);

// Whether a folder's name says what is in it ("images", "labels"), not which images.
bool is_usual_folder(std::string_view name);

// Whether a path as written leads outside of the dataset, so that only its end can be found here:
// an absolute one, one of another machine or a URL, or one that begins with "..".
bool is_foreign_path(std::string_view written);

// How many folders before the file name are the same, counted from the end, and 1 for the name.
std::size_t common_ending(std::string_view a, std::string_view b);
// How many folders of two relative paths are the same, counted from the root.
std::size_t shared_folders(std::string_view a, std::string_view b);

// Text with "%20" and the like as the bytes they stand for; the same text where they stand for
// control characters.
std::string percent_decoded(std::string_view text);

}  // namespace oko::dataset
