#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "oko/seal/age_header.h"

// age's own kind of key: X25519 (RFC 7748).
namespace oko::seal {

class X25519Recipient {
 public:
  // "age1…". Nothing if the text is not such a key.
  static std::optional<X25519Recipient> read(std::string_view text);

  std::string text() const;
  Stanza wrap(const FileKey& key) const;

 private:
  friend class X25519Identity;
  std::array<std::uint8_t, 32> point_{};
};

class X25519Identity {
 public:
  static X25519Identity make();
  // "AGE-SECRET-KEY-1…". Nothing if the text is not such a key.
  static std::optional<X25519Identity> read(std::string_view text);

  std::string text() const;  // the caller wipes it
  X25519Recipient recipient() const;
  // See Unwrap.
  std::optional<FileKey> unwrap(const Stanza& stanza) const;

 private:
  Wiped<32> secret_;
};

}  // namespace oko::seal
