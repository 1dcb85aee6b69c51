#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "oko/seal/minisign.h"

namespace oko::seal {

// A key that signs, in the format of minisign's minisign.key.
class SecretKey {
 public:
  static SecretKey make();
  // Throws an input Error at `place`, also if the key needs a passphrase or this is not its. Null:
  // there is no passphrase.
  static SecretKey read(std::string_view text, const std::string* passphrase,
                        const std::string& place);
  // Whether read() needs a passphrase for this text.
  static bool needs_passphrase(std::string_view text);

  // The key file, protected with the passphrase if there is one. The caller wipes it.
  std::string text(const std::string* passphrase) const;
  PublicKey public_key() const;

  // A .minisig over `file`. The trusted comment, one line, is signed too.
  std::string sign(std::span<const std::byte> file, const std::string& trusted_comment) const;

 private:
  std::array<std::uint8_t, 8> id_{};
  Wiped<64> key_;  // Ed25519: seed and public key
};

}  // namespace oko::seal
