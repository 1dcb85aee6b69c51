#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "oko/seal/crypto.h"

// Signatures as minisign makes them: Ed25519 over the BLAKE2b-512 hash of a file.
namespace oko::seal {

// The first line of the signatures that oko writes; minisign's -c sets it.
std::string signature_comment(const std::string& key_id);

class PublicKey {
 public:
  // The line of a minisign.pub ("RW…"), alone or with the comment before it. Throws an input Error
  // at `place`.
  static PublicKey read(std::string_view text, const std::string& place);

  std::string text() const;  // "RW…"
  std::string id() const;    // "8E5D2C0A6F4B1737", as minisign prints it

  // Throws Refused unless `signature`, the text of a .minisig, is this key's over `file` and over
  // its own trusted comment: kSigner, or kDamaged if it is not in the format. The older kind of
  // signatures, over the file itself ("Ed"), is refused, as minisign itself now does by default.
  // Returns the trusted comment.
  std::string verify(std::span<const std::byte> file, std::string_view signature,
                     const std::string& name) const;

 private:
  friend class SecretKey;
  std::array<std::uint8_t, 8> id_{};
  std::array<std::uint8_t, 32> key_{};
};

// The same for a signature that is part of one of oko's files, where one signature has one text:
// Refused (kDamaged) too if minisign would overlook something in it.
void verify_strictly(const PublicKey& signer, std::string_view text, std::string_view signature,
                     const std::string& name);

}  // namespace oko::seal
