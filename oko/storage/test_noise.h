#pragma once

#include <cstdint>
#include <string>

#include "oko/base/random.h"

namespace oko::storage {

// Incompressible content, different for each seed.
inline std::string noise(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random.bits());
  return text;
}

}  // namespace oko::storage
