#pragma once

#include <string>
#include <string_view>

namespace oko::storage {

// A file of this machine that holds a secret. Other users must not be able to read it.

// Writes a new file that only its owner may read, and the folders above it that are missing. Throws
// a usage Error if one is there already: a key must not be overwritten; a storage Error if it
// cannot be written.
void write_private_file(const std::string& path, std::string_view text);

// Throws an input Error if it is missing, is not a file or has more than 1 MiB, and a usage Error
// if other users may read it.
std::string read_private_file(const std::string& path);

}  // namespace oko::storage
