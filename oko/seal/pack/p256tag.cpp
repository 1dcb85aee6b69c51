#include "oko/seal/pack/p256tag.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "oko/base/error.h"
#include "oko/seal/bech32.h"

namespace oko::seal {
namespace {

constexpr std::string_view kType = "p256tag", kLabel = "age-encryption.org/p256tag";
constexpr std::string_view kPrefix = "age1tag";
constexpr std::size_t kPoint = 65, kCompressed = 33, kTag = 4;

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* p) const {
    release(p);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Release<EVP_PKEY_CTX_free>>;
using Group = std::unique_ptr<EC_GROUP, Release<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, Release<EC_POINT_free>>;

[[noreturn]] void fail(const char* what) {
  throw Error(ErrorCode::kFailed, "OpenSSL", std::string("P-256: cannot ") + what);
}

Key public_key(std::span<const std::uint8_t, kPoint> point) {
  char group[] = "P-256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                        const_cast<std::uint8_t*>(point.data()), point.size()),
      OSSL_PARAM_construct_end()};
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) <= 0) {
    return nullptr;
  }
  return Key(key);
}

// The coordinate x of the product, big-endian.
Wiped<32> shared_secret(EVP_PKEY& own, EVP_PKEY& theirs) {
  const Context context(EVP_PKEY_CTX_new(&own, nullptr));
  Wiped<32> secret;
  std::size_t size = secret.size();
  if (!context || EVP_PKEY_derive_init(context.get()) <= 0 ||
      EVP_PKEY_derive_set_peer(context.get(), &theirs) <= 0 ||
      EVP_PKEY_derive(context.get(), secret.data(), &size) <= 0 || size != secret.size()) {
    fail("derive a secret");
  }
  return secret;
}

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

Schedule schedule_of(const Wiped<32>& secret, std::span<const std::byte> share,
                     std::span<const std::byte> recipient) {
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

std::string tag_of(std::span<const std::byte> share, std::span<const std::uint8_t> compressed) {
  std::array<std::uint8_t, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), compressed.data(), compressed.size());
  const auto short_hash = std::as_bytes(std::span(hash)).first(kTag);
  const Wiped<32> tag = hkdf_extract(bytes_of(kLabel), joined({share, short_hash}));
  return base64(tag.span().first(kTag));
}

}  // namespace

std::optional<P256Recipient> P256Recipient::from_point(std::span<const std::byte> point) {
  const Group group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  const Point decoded(group ? EC_POINT_new(group.get()) : nullptr);
  P256Recipient recipient;
  if (!decoded || (point.size() != kPoint && point.size() != kCompressed) ||
      EC_POINT_oct2point(group.get(), decoded.get(), octets(point), point.size(), nullptr) != 1 ||
      EC_POINT_point2oct(group.get(), decoded.get(), POINT_CONVERSION_UNCOMPRESSED,
                         recipient.point_.data(), kPoint, nullptr) != kPoint ||
      EC_POINT_point2oct(group.get(), decoded.get(), POINT_CONVERSION_COMPRESSED,
                         recipient.compressed_.data(), kCompressed, nullptr) != kCompressed) {
    return std::nullopt;
  }
  return recipient;
}

std::optional<P256Recipient> P256Recipient::read(std::string_view text) {
  const auto key = read_bech32(text);
  if (!key || key->upper || key->prefix != kPrefix || key->data.size() != kCompressed) {
    return std::nullopt;
  }
  return from_point(key->data);
}

std::string P256Recipient::text() const {
  return bech32(kPrefix, std::as_bytes(std::span(compressed_)));
}

Stanza P256Recipient::wrap(const FileKey& key) const {
  const Key ephemeral(EVP_EC_gen("P-256"));
  const Key theirs = public_key(point_);
  if (!ephemeral || !theirs) fail("make a key");
  std::array<std::uint8_t, kPoint> share{};
  std::size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(ephemeral.get(), OSSL_PKEY_PARAM_PUB_KEY, share.data(),
                                      share.size(), &size) != 1 ||
      size != kPoint) {
    fail("export a key");
  }
  const auto share_bytes = std::as_bytes(std::span(share));
  const Schedule schedule = schedule_of(shared_secret(*ephemeral, *theirs), share_bytes,
                                        std::as_bytes(std::span(point_)));
  std::vector<std::byte> body(FileKey::size() + crypto_aead_chacha20poly1305_ietf_ABYTES);
  crypto_aead_chacha20poly1305_ietf_encrypt(reinterpret_cast<std::uint8_t*>(body.data()), nullptr,
                                            key.data(), FileKey::size(), nullptr, 0, nullptr,
                                            schedule.nonce.data(), schedule.key.data());
  return {
      std::string(kType), {tag_of(share_bytes, compressed_), base64(share_bytes)}, std::move(body)};
}

bool P256Recipient::is_tagged(const Stanza& stanza) const {
  if (stanza.type != kType || stanza.arguments.size() != 2) return false;
  const auto share = from_base64(stanza.arguments[1]);
  return share && share->size() == kPoint && stanza.arguments[0] == tag_of(*share, compressed_);
}

}  // namespace oko::seal
