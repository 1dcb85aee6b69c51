#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace oko::run {

// Checks before long work begins, so that it does not fail at its end.

// Throws if a file cannot be written under this name: kUsage if it is a folder, kStorage if a
// parent folder is a file or not writable. Leaves nothing behind. For buckets it only checks that
// the name is valid.
void check_output(const std::string& uri);

// Throws kStorage if the disk of `folder`, which need not exist yet, has less than `bytes` free.
// Buckets always have room.
void check_room(const std::string& folder, std::uint64_t bytes);

bool is_utf8(std::string_view text);
// The text with U+FFFD for invalid UTF-8.
std::string valid_utf8(std::string_view text);

}  // namespace oko::run
