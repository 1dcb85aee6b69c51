#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "oko/seal/age_header.h"

namespace oko::seal {

// A P-256 key in hardware, such as Apple's Secure Enclave or Android's Keystore: age's recipients
// "age1tag1…". The file's key is wrapped by HPKE (RFC 9180: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256,
// ChaCha20-Poly1305), and the stanza has a tag by which a device knows its own.
class P256Recipient {
 public:
  // Nothing if the text is not such a key, or not a point of the curve.
  static std::optional<P256Recipient> read(std::string_view text);
  // From the 65 bytes of an uncompressed point, as Apple and Android give public keys.
  static std::optional<P256Recipient> from_point(std::span<const std::byte> point);

  std::string text() const;
  Stanza wrap(const FileKey& key) const;
  // Whether the stanza is probably this key's: one in 2^32 of another's is taken for it too.
  bool is_tagged(const Stanza& stanza) const;

 private:
  std::array<std::uint8_t, 65> point_{};  // uncompressed
  std::array<std::uint8_t, 33> compressed_{};
};

}  // namespace oko::seal
