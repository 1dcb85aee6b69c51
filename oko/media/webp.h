#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

// Private to this folder.
namespace oko::media {

// The first frame of an animated WebP file as a separate WebP file, without transparency; nothing
// for other files.
std::optional<std::vector<std::byte>> first_still(std::span<const std::byte> file);

}  // namespace oko::media
