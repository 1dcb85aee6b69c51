#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "oko/base/bytes.h"

// The phone engine's own file access: an app may open a model by name.
namespace oko::runtime {

// The file's bytes, memory-mapped. Throws an input Error if it is missing, a storage Error if it
// cannot be read.
Bytes map_file(const std::string& path);
// The same without an Error: empty if there is nothing, null if it cannot be read or is not a file.
std::optional<Bytes> map_if_there(const std::string& path);

// Gives the pages of a part of a mapped file back to the system, which reads them again if they are
// needed. `part` must be of a file that map_file() mapped.
void give_back(std::span<const std::byte> part);

// Writes the file atomically, even across a power failure: to a temporary file, flushed, then
// renamed. Throws a storage Error.
void write_whole(const std::string& path, std::span<const std::byte> bytes);

}  // namespace oko::runtime
