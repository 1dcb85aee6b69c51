#include "oko/serve/link.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>

#include "oko/base/error.h"

namespace oko::serve {
namespace {

constexpr std::size_t kTokenBytes = 16;

}  // namespace

std::string make_token() {
  std::array<unsigned char, kTokenBytes> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    throw Error(ErrorCode::kFailed, "OpenSSL", "has no random numbers");
  }
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  constexpr int kBitsPerDigit = 5;
  std::string token;
  unsigned pending = 0;
  int bits = 0;
  for (const unsigned char byte : random) {
    pending = (pending << 8 | byte) & 0xFFF;
    bits += 8;
    for (; bits >= kBitsPerDigit; bits -= kBitsPerDigit) {
      token += kDigits[pending >> (bits - kBitsPerDigit) & 31];
    }
  }
  return token + kDigits[pending << (kBitsPerDigit - bits) & 31];
}

bool same_token(std::string_view given, std::string_view token) {
  return given.size() == token.size() &&
         CRYPTO_memcmp(given.data(), token.data(), token.size()) == 0;
}

std::string link_of(const Address& address, const std::string& token) {
  return "https://" + host_and_port(address) + "/" + token + "/";
}

}  // namespace oko::serve
