#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace oko::seal {

// Bech32 (BIP 173) of any length, which age writes keys in: "age1…", "AGE-SECRET-KEY-1…".
struct Bech32 {
  std::string prefix;  // before the last '1', in lower case
  std::vector<std::byte> data;
  bool upper = false;  // written in upper case
};

// Nothing if the text mixes cases, has another character, or its checksum is wrong. Whoever passes
// a secret key wipes `data`.
std::optional<Bech32> read_bech32(std::string_view text);

// In lower case.
std::string bech32(std::string_view prefix, std::span<const std::byte> data);

}  // namespace oko::seal
