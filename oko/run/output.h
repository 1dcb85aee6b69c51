#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace oko::run {

// Looked at before long work begins, so that it does not fail at its end.

// Throws where a file cannot be written under this name: kUsage where a folder has the name,
// kStorage where the folder on the way is a file or may not be written to. Leaves nothing behind.
// Of names in buckets only whether they can be asked for.
void check_output(const std::string& uri);

// Throws kStorage where the disk that holds `folder`, or will, has less than `bytes` free. Buckets
// have room.
void check_room(const std::string& folder, std::uint64_t bytes);

bool is_utf8(std::string_view text);
// The text with U+FFFD for what is not UTF-8.
std::string valid_utf8(std::string_view text);

}  // namespace oko::run
