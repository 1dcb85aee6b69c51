#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "oko/seal/p256tag.h"

namespace oko::seal {

// Seals for a P-256 key in hardware.
class P256Recipient {
 public:
  // Nothing if the text is not such a key, or not a point of the curve.
  static std::optional<P256Recipient> read(std::string_view text);
  // From a point of 65 or, compressed, 33 bytes.
  static std::optional<P256Recipient> from_point(std::span<const std::byte> point);

  std::string text() const;
  Stanza wrap(const FileKey& key) const;
  bool is_tagged(const Stanza& stanza) const;

 private:
  P256Point point_{};
};

}  // namespace oko::seal
