#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

// Not for inclusion from elsewhere.
namespace oko::media {

// The first picture of an animated WebP file as a WebP file of its own, without transparency;
// nothing for other files.
std::optional<std::vector<std::byte>> first_still(std::span<const std::byte> file);

}  // namespace oko::media
