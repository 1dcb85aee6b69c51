#include "oko/seal/pack/p256tag.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include <cstdint>

#include "oko/base/error.h"
#include "oko/base/owned.h"
#include "oko/seal/bech32.h"

namespace oko::seal {
namespace {

constexpr std::size_t kCompressed = 33;

using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Context = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Group = Owned<EC_GROUP, EC_GROUP_free>;
using Point = Owned<EC_POINT, EC_POINT_free>;

[[noreturn]] void fail(const char* what) {
  throw Error(ErrorCode::kFailed, "OpenSSL", std::string("P-256: cannot ") + what);
}

Key public_key(const P256Point& point) {
  char group[] = "P-256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                        const_cast<std::uint8_t*>(octets(point)), point.size()),
      OSSL_PARAM_construct_end()};
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) <= 0) {
    return nullptr;
  }
  return Key(key);
}

P256Secret shared_secret(EVP_PKEY& own, EVP_PKEY& theirs) {
  const Context context(EVP_PKEY_CTX_new(&own, nullptr));
  P256Secret secret;
  std::size_t size = secret.size();
  if (!context || EVP_PKEY_derive_init(context.get()) <= 0 ||
      EVP_PKEY_derive_set_peer(context.get(), &theirs) <= 0 ||
      EVP_PKEY_derive(context.get(), secret.data(), &size) <= 0 || size != secret.size()) {
    fail("derive a secret");
  }
  return secret;
}

}  // namespace

std::optional<P256Recipient> P256Recipient::from_point(std::span<const std::byte> point) {
  const Group group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  const Point decoded(group ? EC_POINT_new(group.get()) : nullptr);
  P256Recipient recipient;
  if (!decoded || (point.size() != recipient.point_.size() && point.size() != kCompressed) ||
      EC_POINT_oct2point(group.get(), decoded.get(), octets(point), point.size(), nullptr) != 1 ||
      EC_POINT_point2oct(group.get(), decoded.get(), POINT_CONVERSION_UNCOMPRESSED,
                         reinterpret_cast<std::uint8_t*>(recipient.point_.data()),
                         recipient.point_.size(), nullptr) != recipient.point_.size()) {
    return std::nullopt;
  }
  return recipient;
}

std::optional<P256Recipient> P256Recipient::read(std::string_view text) {
  const auto key = read_bech32(text);
  if (!key || key->upper || key->prefix != kP256Prefix || key->data.size() != kCompressed) {
    return std::nullopt;
  }
  return from_point(key->data);
}

std::string P256Recipient::text() const { return p256_recipient(point_); }

Stanza P256Recipient::wrap(const FileKey& key) const {
  const Key ephemeral(EVP_EC_gen("P-256"));
  const Key theirs = public_key(point_);
  if (!ephemeral || !theirs) fail("make a key");
  P256Point share{};
  std::size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(ephemeral.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                      reinterpret_cast<std::uint8_t*>(share.data()), share.size(),
                                      &size) != 1 ||
      size != share.size()) {
    fail("export a key");
  }
  return p256_stanza(key, shared_secret(*ephemeral, *theirs), share, point_);
}

bool P256Recipient::is_tagged(const Stanza& stanza) const { return is_p256_tagged(stanza, point_); }

}  // namespace oko::seal
