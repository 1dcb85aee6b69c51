// What hardware does with a p256tag stanza, done here with OpenSSL alone: its own key agreement,
// HKDF and ChaCha20-Poly1305, written from RFC 9180 apart from what packs.
#include "oko/seal/pack/p256tag.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "oko/seal/pack/test_p256_key.h"
#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

using Text = std::string;

Text text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Text kdf(int mode, Text key, Text salt_or_info, std::size_t size) {
  EVP_KDF* algorithm = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(algorithm);
  char digest[] = "SHA256";
  const bool extracts = mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key.data(), key.size()),
      OSSL_PARAM_construct_octet_string(extracts ? OSSL_KDF_PARAM_SALT : OSSL_KDF_PARAM_INFO,
                                        salt_or_info.data(), salt_or_info.size()),
      OSSL_PARAM_construct_end()};
  Text out(size, '\0');
  EXPECT_EQ(EVP_KDF_derive(context, reinterpret_cast<unsigned char*>(out.data()), size, parameters),
            1);
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(algorithm);
  return out;
}

Text extract(const Text& salt, const Text& secret) {
  return kdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, secret, salt, 32);
}
Text expand(const Text& key, const Text& info, std::size_t size) {
  return kdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, key, info, size);
}

const Text kKem("KEM\x00\x10", 5), kHpke("HPKE\x00\x10\x00\x01\x00\x03", 10);

Text labelled_extract(const Text& suite, const Text& salt, const Text& label, const Text& secret) {
  return extract(salt, "HPKE-v1" + suite + label + secret);
}
Text labelled_expand(const Text& suite, const Text& key, const Text& label, const Text& info,
                     char size) {
  return expand(key, Text(1, '\0') + Text(1, size) + "HPKE-v1" + suite + label + info,
                static_cast<std::size_t>(size));
}

// What opens a stanza with such a key, from the key agreement on.
class Device : public P256Key {
 public:
  // The file's key, or "" if the stanza does not open.
  Text open(const Stanza& stanza) const {
    const Text share = text_of(*from_base64(stanza.arguments.at(1)));
    const Text shared = labelled_expand(kKem, labelled_extract(kKem, "", "eae_prk", agree(share)),
                                        "shared_secret", share + point(), 32);
    const Text context = Text(1, '\0') + labelled_extract(kHpke, "", "psk_id_hash", "") +
                         labelled_extract(kHpke, "", "info_hash", "age-encryption.org/p256tag");
    const Text secret = labelled_extract(kHpke, shared, "secret", "");
    return decrypt(labelled_expand(kHpke, secret, "key", context, 32),
                   labelled_expand(kHpke, secret, "base_nonce", context, 12), text_of(stanza.body));
  }

 private:
  static Text decrypt(const Text& key, const Text& nonce, const Text& body) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(body.data());
    Text out(body.size() - 16, '\0'), tag = body.substr(out.size());
    auto* to = reinterpret_cast<unsigned char*>(out.data());
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    int size = 0;
    EVP_DecryptInit_ex(context, EVP_chacha20_poly1305(), nullptr,
                       reinterpret_cast<const unsigned char*>(key.data()),
                       reinterpret_cast<const unsigned char*>(nonce.data()));
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, tag.data());
    EVP_DecryptUpdate(context, to, &size, bytes, static_cast<int>(out.size()));
    const bool is_right = EVP_DecryptFinal_ex(context, to + size, &size) == 1;
    EVP_CIPHER_CTX_free(context);
    return is_right ? out : "";
  }
};

P256Point point_of(const Text& text) {
  P256Point point{};
  EXPECT_EQ(text.size(), point.size());
  std::memcpy(point.data(), text.data(), point.size());
  return point;
}

P256Agree agreement(const P256Key& key) {
  return [&key](const P256Point& sender) {
    const Text secret = key.agree(text_of(sender));
    std::optional<P256Secret> out(std::in_place);
    std::memcpy(out->data(), secret.data(), out->size());
    return out;
  };
}

TEST(P256Tag, IsOpenedByAnIndependentImplementation) {
  start_sodium();
  const Device phone, tablet;
  const auto recipient = P256Recipient::from_point(bytes_of(phone.point()));
  ASSERT_TRUE(recipient);
  FileKey key;
  for (std::uint8_t i = 0; i < key.size(); ++i) key.data()[i] = i;
  const Stanza stanza = recipient->wrap(key);
  EXPECT_EQ(stanza.type, "p256tag");
  EXPECT_EQ(phone.open(stanza), text_of(key.span()));
  EXPECT_EQ(tablet.open(stanza), "");
  EXPECT_TRUE(recipient->is_tagged(stanza));
  EXPECT_FALSE(P256Recipient::from_point(bytes_of(tablet.point()))->is_tagged(stanza));
}

TEST(P256Tag, IsOpenedByTheKeyAgreementAlone) {
  start_sodium();
  const P256Key phone, tablet;
  FileKey key;
  for (std::uint8_t i = 0; i < key.size(); ++i) key.data()[i] = i;
  const auto own = point_of(phone.point());
  const Stanza stanza = P256Recipient::from_point(own)->wrap(key);
  const auto opened = unwrap_p256(stanza, own, agreement(phone));
  ASSERT_TRUE(opened);
  EXPECT_EQ(text_of(opened->span()), text_of(key.span()));
  // Another device's: the hardware is not asked.
  const auto never = [](const P256Point&) -> std::optional<P256Secret> {
    ADD_FAILURE() << "asked";
    return std::nullopt;
  };
  EXPECT_FALSE(unwrap_p256(stanza, point_of(tablet.point()), never));
  EXPECT_FALSE(unwrap_p256({"X25519", {"x"}, {}}, own, never));
  // Hardware that refuses, or that has another key.
  EXPECT_FALSE(unwrap_p256(
      stanza, own, [](const P256Point&) -> std::optional<P256Secret> { return std::nullopt; }));
  EXPECT_FALSE(unwrap_p256(stanza, own, agreement(tablet)));
}

TEST(P256Tag, RefusesStanzasThatAreNotAsAgeWritesThem) {
  start_sodium();
  const P256Key phone;
  const auto own = point_of(phone.point());
  const Stanza good = P256Recipient::from_point(own)->wrap(FileKey());
  std::vector<Stanza> bad(4, good);
  bad[0].arguments.pop_back();
  bad[1].body.pop_back();
  bad[2].arguments[1] = base64(std::vector<std::byte>(65));
  bad[3].arguments[1].pop_back();
  for (const Stanza& stanza : bad) {
    EXPECT_THROW(unwrap_p256(stanza, own, agreement(phone)), Refused);
  }
  Stanza changed = good;
  changed.body[3] ^= std::byte{1};
  EXPECT_FALSE(unwrap_p256(changed, own, agreement(phone)));
}

TEST(P256Tag, TagsAsTheFormatSays) {
  start_sodium();
  const Device phone;
  const auto recipient = P256Recipient::from_point(bytes_of(phone.point()));
  const Stanza stanza = recipient->wrap(FileKey());
  const Text point = phone.point();
  const Text compressed = Text(1, (point.back() & 1) != 0 ? '\3' : '\2') + point.substr(1, 32);
  Text hash(32, '\0');
  EVP_Digest(compressed.data(), compressed.size(), reinterpret_cast<unsigned char*>(hash.data()),
             nullptr, EVP_sha256(), nullptr);
  const Text share = text_of(*from_base64(stanza.arguments.at(1)));
  const Text tag = extract("age-encryption.org/p256tag", share + hash.substr(0, 4)).substr(0, 4);
  EXPECT_EQ(stanza.arguments.at(0), base64(bytes_of(tag)));
}

TEST(P256Tag, ReadsItsText) {
  const Device phone;
  const auto recipient = P256Recipient::from_point(bytes_of(phone.point()));
  EXPECT_TRUE(recipient->text().starts_with("age1tag1"));
  EXPECT_EQ(P256Recipient::read(recipient->text())->text(), recipient->text());
  EXPECT_FALSE(P256Recipient::read("age1tag1qqqq"));
  // Not on the curve.
  EXPECT_FALSE(P256Recipient::from_point(std::vector<std::byte>(65, std::byte{4})));
  EXPECT_FALSE(P256Recipient::from_point({}));
}

}  // namespace
}  // namespace oko::seal
