#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oko/seal/wiped.h"

namespace oko::seal {

using MarkKey = Wiped<32>;  // what only the owner of the marks knows

// A sequence of +1 and -1 for each customer and layer, which nobody can tell from a random one
// without the key: bits of ChaCha20, whose key is BLAKE2b of the customer and layer under `key`.
class Chips {
 public:
  Chips(const MarkKey& key, std::string_view customer, std::string_view layer, std::size_t count);
  float operator[](std::size_t i) const { return (bits_[i / 8] >> i % 8 & 1) != 0 ? 1.F : -1.F; }

 private:
  std::vector<std::uint8_t> bits_;
};

}  // namespace oko::seal
