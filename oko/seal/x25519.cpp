#include "oko/seal/x25519.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "oko/seal/bech32.h"
#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

constexpr std::string_view kType = "X25519", kInfo = "age-encryption.org/v1/X25519";
constexpr std::string_view kPublic = "age", kSecret = "age-secret-key-";
constexpr std::size_t kPoint = 32;

// The key that wraps the file's. Nothing if the shared secret is zero, as one of the few points
// that have no secret gives.
std::optional<Wiped<32>> wrapping_key(const std::uint8_t* secret, const std::uint8_t* theirs,
                                      const std::uint8_t* share, const std::uint8_t* recipient) {
  Wiped<32> shared;
  if (crypto_scalarmult_curve25519(shared.data(), secret, theirs) != 0) return std::nullopt;
  std::array<std::byte, 2 * kPoint> salt{};
  std::memcpy(salt.data(), share, kPoint);
  std::memcpy(salt.data() + kPoint, recipient, kPoint);
  return hkdf(shared.span(), salt, bytes_of(kInfo));
}

}  // namespace

std::optional<X25519Recipient> X25519Recipient::read(std::string_view text) {
  const auto key = read_bech32(text);
  if (!key || key->upper || key->prefix != kPublic || key->data.size() != kPoint) {
    return std::nullopt;
  }
  X25519Recipient recipient;
  std::memcpy(recipient.point_.data(), key->data.data(), kPoint);
  return recipient;
}

std::string X25519Recipient::text() const {
  return bech32(kPublic, std::as_bytes(std::span(point_)));
}

Stanza X25519Recipient::wrap(const FileKey& key) const {
  Wiped<32> secret;
  std::array<std::uint8_t, kPoint> share{};
  randombytes_buf(secret.data(), secret.size());
  crypto_scalarmult_curve25519_base(share.data(), secret.data());
  const auto wrapping = wrapping_key(secret.data(), point_.data(), share.data(), point_.data());
  if (!wrapping) {
    throw input_error(text(), "is not a key that anything can be sealed for",
                      "oko seal keygen makes one");
  }
  return {
      std::string(kType), {base64(std::as_bytes(std::span(share)))}, seal::wrap(key, *wrapping)};
}

X25519Identity X25519Identity::make() {
  X25519Identity identity;
  randombytes_buf(identity.secret_.data(), identity.secret_.size());
  return identity;
}

std::optional<X25519Identity> X25519Identity::read(std::string_view text) {
  auto key = read_bech32(text);
  if (!key) return std::nullopt;
  std::optional<X25519Identity> identity;
  if (key->upper && key->prefix == kSecret && key->data.size() == kPoint) {
    identity.emplace();
    std::memcpy(identity->secret_.data(), key->data.data(), kPoint);
  }
  sodium_memzero(key->data.data(), key->data.size());
  return identity;
}

std::string X25519Identity::text() const {
  std::string text = bech32(kSecret, secret_.span());
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

X25519Recipient X25519Identity::recipient() const {
  X25519Recipient recipient;
  crypto_scalarmult_curve25519_base(recipient.point_.data(), secret_.data());
  return recipient;
}

std::optional<FileKey> X25519Identity::unwrap(const Stanza& stanza) const {
  if (stanza.type != kType) return std::nullopt;
  const auto share = stanza.arguments.size() == 1 ? from_base64(stanza.arguments[0]) : std::nullopt;
  if (!share || share->size() != kPoint || stanza.body.size() != kPoint) {
    throw Refused(Refusal::kDamaged, "", "an X25519 recipient is not as age writes it");
  }
  const X25519Recipient own = recipient();
  const auto key = wrapping_key(secret_.data(), octets(*share), octets(*share), own.point_.data());
  if (!key) throw Refused(Refusal::kDamaged, "", "an X25519 recipient has no shared secret");
  return seal::unwrap(stanza.body, *key);
}

}  // namespace oko::seal
