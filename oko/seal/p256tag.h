#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "oko/seal/age_header.h"

// age's recipients "age1tag1…": P-256 keys in hardware, such as Apple's Secure Enclave or Android's
// Keystore. The file's key is wrapped by HPKE (RFC 9180: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256,
// ChaCha20-Poly1305), and the stanza has a tag by which a device knows its own.
namespace oko::seal {

// Uncompressed: 4, x, y. Whether it is on the curve is checked by what computes with it.
using P256Point = std::array<std::byte, 65>;
// The coordinate x of a product, big-endian.
using P256Secret = Wiped<32>;

// "age1tag1…": its Bech32 text of the compressed point.
inline constexpr std::string_view kP256Prefix = "age1tag";
std::string p256_recipient(const P256Point& own);

// How the key is wrapped for `recipient` by a sender whose public key is `share`, used once.
Stanza p256_stanza(const FileKey& key, const P256Secret& secret, const P256Point& share,
                   const P256Point& recipient);

// Whether the stanza is probably this key's: one in 2^32 of another's is taken for it too.
bool is_p256_tagged(const Stanza& stanza, const P256Point& own);

// The secret shared with the sender. Nothing if the hardware refuses.
using P256Agree = std::function<std::optional<P256Secret>(const P256Point& sender)>;

// See Unwrap. `agree` is called only for stanzas with the tag of `own`.
std::optional<FileKey> unwrap_p256(const Stanza& stanza, const P256Point& own,
                                   const P256Agree& agree);

}  // namespace oko::seal
