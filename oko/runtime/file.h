#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "oko/base/bytes.h"

// The few things that the phone engine does with files by itself: an app may open a model by name.
namespace oko::runtime {

// The file's bytes, mapped. Throws an input Error where it is missing, a storage Error where it
// cannot be read.
Bytes map_file(const std::string& path);
// Empty where there is no such file.
Bytes map_if_there(const std::string& path);

// Writes the file whole or not at all: beside it first, then renamed. Throws a storage Error.
void write_whole(const std::string& path, std::span<const std::byte> bytes);

}  // namespace oko::runtime
