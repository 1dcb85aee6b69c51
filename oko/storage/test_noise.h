#pragma once

#include <cstdint>
#include <string>

#include "oko/base/random.h"

namespace oko::storage {

// Content that no compression shortens and no two seeds share.
inline std::string noise(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random.bits());
  return text;
}

}  // namespace oko::storage
