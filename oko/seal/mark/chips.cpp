#include "oko/seal/mark/chips.h"

#include <sodium.h>

#include <array>

namespace oko::seal {

Chips::Chips(const MarkKey& key, std::string_view customer, std::string_view layer,
             std::size_t count)
    : bits_((count + 7) / 8) {
  crypto_generichash_state state;
  crypto_generichash_init(&state, key.data(), key.size(), crypto_stream_chacha20_KEYBYTES);
  // With lengths, so that no two pairs of names give the same bytes.
  for (const std::string_view name : {std::string_view("oko mark 1"), customer, layer}) {
    const std::uint64_t size = name.size();
    crypto_generichash_update(&state, reinterpret_cast<const std::uint8_t*>(&size), sizeof size);
    crypto_generichash_update(&state, reinterpret_cast<const std::uint8_t*>(name.data()),
                              name.size());
  }
  Wiped<crypto_stream_chacha20_KEYBYTES> stream;
  crypto_generichash_final(&state, stream.data(), stream.size());
  constexpr std::array<std::uint8_t, crypto_stream_chacha20_NONCEBYTES> kNonce{};
  crypto_stream_chacha20(bits_.data(), bits_.size(), kNonce.data(), stream.data());
}

}  // namespace oko::seal
