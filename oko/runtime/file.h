#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "oko/base/bytes.h"

// The few things that the phone engine does with files by itself: an app may open a model by name.
namespace oko::runtime {

// The file's bytes, mapped. Throws an input Error where it is missing, a storage Error where it
// cannot be read.
Bytes map_file(const std::string& path);
// The same without an Error: empty where there is nothing, null where there is something that
// cannot be read, or no file.
std::optional<Bytes> map_if_there(const std::string& path);

// Writes the file whole or not at all, also where the power fails: beside it first, flushed, then
// renamed. Throws a storage Error.
void write_whole(const std::string& path, std::span<const std::byte> bytes);

}  // namespace oko::runtime
