#include "oko/seal/pack/signing_key.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <vector>

#include "oko/base/error.h"

namespace oko::seal {
namespace {

// The fields of a key file, one after another.
constexpr std::size_t kKind = 2, kDerivation = 2, kChecksumKind = 2, kSalt = 32, kLimit = 8,
                      kId = 8, kKey = 64, kChecksum = 32;
constexpr std::size_t kSaltAt = kKind + kDerivation + kChecksumKind, kLimitsAt = kSaltAt + kSalt,
                      kSecretAt = kLimitsAt + 2 * kLimit, kSecret = kId + kKey + kChecksum,
                      kFile = kSecretAt + kSecret;
constexpr std::string_view kComment = "untrusted comment: ", kEd25519 = "Ed", kScrypt = "Sc",
                           kBlake2b = "B2";
// What minisign itself takes, 1 GiB and some seconds, and the most that is accepted.
constexpr std::uint64_t kOperations = crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE,
                        kMemory = crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE;

using File = Wiped<kFile>;

std::array<std::uint8_t, kChecksum> checksum_of(const File& file) {
  std::array<std::uint8_t, kKind + kId + kKey> summed{};
  std::memcpy(summed.data(), file.data(), kKind);
  std::memcpy(summed.data() + kKind, file.data() + kSecretAt, kId + kKey);
  std::array<std::uint8_t, kChecksum> sum{};
  crypto_generichash(sum.data(), sum.size(), summed.data(), summed.size(), nullptr, 0);
  sodium_memzero(summed.data(), summed.size());
  return sum;
}

std::uint64_t limit_at(const File& file, std::size_t at) {
  std::uint64_t value = 0;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

bool is_protected(const File& file) {
  return std::memcmp(file.data() + kKind, kScrypt.data(), kDerivation) == 0;
}

// minisign leaves the checksum of an unprotected key zero.
bool is_right(const File& file) {
  const std::uint8_t* found = file.data() + kSecretAt + kId + kKey;
  if (!is_protected(file) && sodium_is_zero(found, kChecksum) != 0) return true;
  const auto sum = checksum_of(file);
  return sodium_memcmp(sum.data(), found, sum.size()) == 0;
}

// Whether the public half is that of the secret one, which signatures would give away otherwise.
bool is_pair(const Wiped<64>& key) {
  std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> half{};
  Wiped<64> made;
  crypto_sign_seed_keypair(half.data(), made.data(), key.data());
  return sodium_memcmp(made.data(), key.data(), key.size()) == 0;
}

// Encrypts and decrypts: the secret part is added to a stream derived from the passphrase.
void add_stream(File& file, const std::string& passphrase) {
  Wiped<kSecret> stream;
  if (crypto_pwhash_scryptsalsa208sha256(
          stream.data(), stream.size(), passphrase.data(), passphrase.size(), file.data() + kSaltAt,
          limit_at(file, kLimitsAt), limit_at(file, kLimitsAt + kLimit)) != 0) {
    throw std::bad_alloc();
  }
  for (std::size_t i = 0; i < kSecret; ++i) file.data()[kSecretAt + i] ^= stream.data()[i];
}

// Nothing if the text is not a key file at all.
std::optional<File> decode(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  const std::size_t line = text.find('\n');
  if (!text.starts_with(kComment) || line == text.npos) return std::nullopt;
  auto bytes = from_base64(text.substr(line + 1), true);
  if (!bytes) return std::nullopt;
  std::optional<File> file;
  if (bytes->size() == kFile && std::memcmp(bytes->data(), kEd25519.data(), kKind) == 0) {
    std::memcpy(file.emplace().data(), bytes->data(), kFile);
  }
  sodium_memzero(bytes->data(), bytes->size());
  return file;
}

}  // namespace

SecretKey SecretKey::make() {
  SecretKey key;
  std::array<std::uint8_t, 32> unused{};
  randombytes_buf(key.id_.data(), key.id_.size());
  crypto_sign_keypair(unused.data(), key.key_.data());
  return key;
}

bool SecretKey::needs_passphrase(std::string_view text) {
  const auto file = decode(text);
  return file && is_protected(*file);
}

SecretKey SecretKey::read(std::string_view text, const std::string* passphrase,
                          const std::string& place) {
  auto file = decode(text);
  if (!file) {
    throw input_error(place, "is not a signing key",
                      "oko seal keygen makes one, and so does minisign -G");
  }
  if (is_protected(*file)) {
    if (limit_at(*file, kLimitsAt) > kOperations || limit_at(*file, kLimitsAt + kLimit) > kMemory) {
      throw input_error(place, "its passphrase takes more work than minisign asks for");
    }
    if (passphrase == nullptr) throw input_error(place, "the key is protected by a passphrase");
    add_stream(*file, *passphrase);
  }
  SecretKey key;
  std::memcpy(key.id_.data(), file->data() + kSecretAt, kId);
  std::memcpy(key.key_.data(), file->data() + kSecretAt + kId, kKey);
  if (!is_right(*file) || !is_pair(key.key_)) {
    throw input_error(
        place, is_protected(*file) ? "this is not the key's passphrase" : "the key is damaged");
  }
  return key;
}

std::string SecretKey::text(const std::string* passphrase) const {
  File file;
  std::memcpy(file.data(), kEd25519.data(), kKind);
  std::memcpy(file.data() + kKind + kDerivation, kBlake2b.data(), kChecksumKind);
  std::memcpy(file.data() + kSecretAt, id_.data(), kId);
  std::memcpy(file.data() + kSecretAt + kId, key_.data(), kKey);
  const auto sum = checksum_of(file);
  std::memcpy(file.data() + kSecretAt + kId + kKey, sum.data(), kChecksum);
  if (passphrase != nullptr) {
    std::memcpy(file.data() + kKind, kScrypt.data(), kDerivation);
    randombytes_buf(file.data() + kSaltAt, kSalt);
    std::memcpy(file.data() + kLimitsAt, &kOperations, kLimit);
    std::memcpy(file.data() + kLimitsAt + kLimit, &kMemory, kLimit);
    add_stream(file, *passphrase);
  }
  return std::string(kComment) + "oko signing key " + public_key().id() + "\n" +
         base64(file.span(), true) + "\n";
}

PublicKey SecretKey::public_key() const {
  PublicKey key;
  key.id_ = id_;
  std::memcpy(key.key_.data(), key_.data() + kKey - key.key_.size(), key.key_.size());
  return key;
}

std::string SecretKey::sign(std::span<const std::byte> file,
                            const std::string& trusted_comment) const {
  constexpr std::string_view kHashed = "ED";
  std::array<std::uint8_t, crypto_generichash_BYTES_MAX> hash{};
  crypto_generichash(hash.data(), hash.size(), octets(file), file.size(), nullptr, 0);
  std::array<std::uint8_t, crypto_sign_BYTES> signature{}, global{};
  crypto_sign_detached(signature.data(), nullptr, hash.data(), hash.size(), key_.data());
  std::vector<std::uint8_t> text(signature.begin(), signature.end());
  text.insert(text.end(), trusted_comment.begin(), trusted_comment.end());
  crypto_sign_detached(global.data(), nullptr, text.data(), text.size(), key_.data());

  std::vector<std::uint8_t> line(kHashed.begin(), kHashed.end());
  line.insert(line.end(), id_.begin(), id_.end());
  line.insert(line.end(), signature.begin(), signature.end());
  return signature_comment(public_key().id()) + "\n" +
         base64(std::as_bytes(std::span(line)), true) + "\ntrusted comment: " + trusted_comment +
         "\n" + base64(std::as_bytes(std::span(global)), true) + "\n";
}

}  // namespace oko::seal
