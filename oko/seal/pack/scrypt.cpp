#include "oko/seal/pack/scrypt.h"

#include <sodium.h>

#include <array>
#include <charconv>
#include <cstring>
#include <new>

#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

constexpr std::string_view kType = "scrypt", kLabel = "age-encryption.org/v1/scrypt";
constexpr std::size_t kSalt = 16;
constexpr std::uint32_t kBlocks = 8, kParallel = 1;

Wiped<32> key_from(std::string_view passphrase, std::span<const std::byte> salt, int work) {
  std::array<std::uint8_t, kLabel.size() + kSalt> labelled{};
  std::memcpy(labelled.data(), kLabel.data(), kLabel.size());
  std::memcpy(labelled.data() + kLabel.size(), salt.data(), kSalt);
  Wiped<32> key;
  if (crypto_pwhash_scryptsalsa208sha256_ll(
          reinterpret_cast<const std::uint8_t*>(passphrase.data()), passphrase.size(),
          labelled.data(), labelled.size(), std::uint64_t{1} << work, kBlocks, kParallel,
          key.data(), key.size()) != 0) {
    throw std::bad_alloc();
  }
  return key;
}

}  // namespace

Stanza wrap_with_passphrase(const FileKey& key, std::string_view passphrase, int work) {
  std::array<std::byte, kSalt> salt{};
  randombytes_buf(salt.data(), salt.size());
  return {std::string(kType),
          {base64(salt), std::to_string(work)},
          wrap(key, key_from(passphrase, salt, work))};
}

std::optional<FileKey> unwrap_with_passphrase(const Stanza& stanza, std::string_view passphrase) {
  if (stanza.type != kType) return std::nullopt;
  const auto damaged = [](std::string message) {
    return Refused(Refusal::kDamaged, "", std::move(message));
  };
  constexpr std::size_t kBody = 32;
  if (stanza.arguments.size() != 2 || stanza.body.size() != kBody) {
    throw damaged("a passphrase's line is not as age writes it");
  }
  const auto salt = from_base64(stanza.arguments[0]);
  if (!salt || salt->size() != kSalt) throw damaged("a passphrase's salt is not 16 bytes");
  const std::string& digits = stanza.arguments[1];
  int work = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), work);
  if (error != std::errc() || end != digits.data() + digits.size() || digits[0] == '0' ||
      work < 1) {
    throw damaged("a passphrase's work is not a number");
  }
  if (work > kMostScryptWork) {
    throw damaged("its passphrase takes 2^" + digits + " steps, and at most 2^" +
                  std::to_string(kMostScryptWork) + " are taken");
  }
  return unwrap(stanza.body, key_from(passphrase, *salt, work));
}

}  // namespace oko::seal
