#include "oko/seal/p256tag.h"

#include <sodium.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "oko/seal/bech32.h"
#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

constexpr std::string_view kType = "p256tag", kLabel = "age-encryption.org/p256tag";
constexpr std::size_t kCompressed = 33, kTag = 4;
constexpr std::size_t kBody = FileKey::size() + crypto_aead_chacha20poly1305_ietf_ABYTES;

std::vector<std::byte> joined(std::initializer_list<std::span<const std::byte>> parts) {
  std::vector<std::byte> all;
  for (const auto part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// RFC 9180, section 4: everything that is derived names its suite and purpose.
class Labelled {
 public:
  explicit Labelled(std::vector<std::byte> suite) : suite_(std::move(suite)) {}

  Wiped<32> extract(std::span<const std::byte> salt, std::string_view label,
                    std::span<const std::byte> secret) const {
    std::vector<std::byte> all = joined({bytes_of(kVersion), suite_, bytes_of(label), secret});
    Wiped<32> key = hkdf_extract(salt, all);
    sodium_memzero(all.data(), all.size());
    return key;
  }
  // The first `count` bytes of the result count.
  Wiped<32> expand(const Wiped<32>& key, std::string_view label, std::span<const std::byte> info,
                   std::uint8_t count) const {
    const std::byte length[] = {std::byte{0}, std::byte{count}};
    return hkdf_expand(key, joined({length, bytes_of(kVersion), suite_, bytes_of(label), info}));
  }

 private:
  static constexpr std::string_view kVersion = "HPKE-v1";
  std::vector<std::byte> suite_;
};

std::vector<std::byte> suite(std::string_view name, std::initializer_list<std::uint16_t> ids) {
  std::vector<std::byte> all = joined({bytes_of(name)});
  for (const std::uint16_t id : ids) {
    all.push_back(static_cast<std::byte>(id >> 8));
    all.push_back(static_cast<std::byte>(id & 0xff));
  }
  return all;
}

// The key and nonce of HPKE in its base mode, for the first and only message.
struct Schedule {
  Wiped<32> key, nonce;
};

Schedule schedule_of(const P256Secret& secret, const P256Point& share, const P256Point& recipient) {
  constexpr std::uint16_t kKem = 0x0010, kKdf = 0x0001, kAead = 0x0003;
  constexpr std::byte kBaseMode{0};
  const Labelled kem(suite("KEM", {kKem})), hpke(suite("HPKE", {kKem, kKdf, kAead}));
  const Wiped<32> shared = kem.expand(kem.extract({}, "eae_prk", secret.span()), "shared_secret",
                                      joined({share, recipient}), Wiped<32>::size());
  const Wiped<32> no_psk = hpke.extract({}, "psk_id_hash", {});
  const Wiped<32> info = hpke.extract({}, "info_hash", bytes_of(kLabel));
  const auto context = joined({std::span(&kBaseMode, 1), no_psk.span(), info.span()});
  const Wiped<32> base = hpke.extract(shared.span(), "secret", {});
  return {hpke.expand(base, "key", context, Wiped<32>::size()),
          hpke.expand(base, "base_nonce", context, crypto_aead_chacha20poly1305_ietf_NPUBBYTES)};
}

// SEC 1: the parity of y, then x.
std::array<std::byte, kCompressed> compressed(const P256Point& point) {
  std::array<std::byte, kCompressed> short_point{};
  std::copy_n(point.begin(), kCompressed, short_point.begin());
  short_point[0] = std::byte{2} | (point.back() & std::byte{1});
  return short_point;
}

std::string tag_of(const P256Point& share, const P256Point& recipient) {
  const auto short_point = compressed(recipient);
  std::array<std::uint8_t, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), octets(short_point), short_point.size());
  const auto short_hash = std::as_bytes(std::span(hash)).first(kTag);
  const Wiped<32> tag = hkdf_extract(bytes_of(kLabel), joined({share, short_hash}));
  return base64(tag.span().first(kTag));
}

std::optional<P256Point> share_of(const Stanza& stanza) {
  const auto bytes = stanza.arguments.size() == 2 ? from_base64(stanza.arguments[1]) : std::nullopt;
  P256Point share{};
  if (!bytes || bytes->size() != share.size() || bytes->front() != std::byte{4}) {
    return std::nullopt;
  }
  std::ranges::copy(*bytes, share.begin());
  return share;
}

}  // namespace

std::string p256_recipient(const P256Point& own) { return bech32(kP256Prefix, compressed(own)); }

Stanza p256_stanza(const FileKey& key, const P256Secret& secret, const P256Point& share,
                   const P256Point& recipient) {
  const Schedule schedule = schedule_of(secret, share, recipient);
  std::vector<std::byte> body(kBody);
  crypto_aead_chacha20poly1305_ietf_encrypt(reinterpret_cast<std::uint8_t*>(body.data()), nullptr,
                                            key.data(), FileKey::size(), nullptr, 0, nullptr,
                                            schedule.nonce.data(), schedule.key.data());
  return {std::string(kType), {tag_of(share, recipient), base64(share)}, std::move(body)};
}

bool is_p256_tagged(const Stanza& stanza, const P256Point& own) {
  if (stanza.type != kType) return false;
  const auto share = share_of(stanza);
  return share && stanza.arguments[0] == tag_of(*share, own);
}

std::optional<FileKey> unwrap_p256(const Stanza& stanza, const P256Point& own,
                                   const P256Agree& agree) {
  if (stanza.type != kType) return std::nullopt;
  const auto share = share_of(stanza);
  if (!share || stanza.body.size() != kBody) {
    throw Refused(Refusal::kDamaged, "", "a p256tag recipient is not as age writes it");
  }
  if (stanza.arguments[0] != tag_of(*share, own)) return std::nullopt;
  const auto secret = agree(*share);
  if (!secret) return std::nullopt;
  const Schedule schedule = schedule_of(*secret, *share, own);
  FileKey key;
  if (crypto_aead_chacha20poly1305_ietf_decrypt(key.data(), nullptr, nullptr, octets(stanza.body),
                                                stanza.body.size(), nullptr, 0,
                                                schedule.nonce.data(), schedule.key.data()) != 0) {
    return std::nullopt;
  }
  return key;
}

}  // namespace oko::seal
