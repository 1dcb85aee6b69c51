#include "oko/storage/checksum.h"

#include <openssl/evp.h>

#include <bit>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#include <nmmintrin.h>
#define OKO_CRC32C_X86 1
#endif

#include "oko/base/error.h"

namespace oko::storage {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // Castagnoli's, bits reversed

// Eight tables: entry [k][b] is the effect of byte b followed by k zero bytes ("slicing by 8").
constexpr auto kTables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][b] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t b = 0; b < 256; ++b) {
      const std::uint32_t before = tables[k - 1][b];
      tables[k][b] = (before >> 8) ^ tables[0][before & 255];
    }
  }
  return tables;
}();

std::uint32_t crc_by_table(const unsigned char* data, std::size_t size, std::uint32_t crc) {
  for (; size >= 8; data += 8, size -= 8) {
    std::uint64_t word;
    std::memcpy(&word, data, 8);
    word ^= crc;
    crc = 0;
    for (std::size_t i = 0; i < 8; ++i) crc ^= kTables[7 - i][(word >> (8 * i)) & 255];
  }
  for (; size > 0; ++data, --size) crc = (crc >> 8) ^ kTables[0][(crc ^ *data) & 255];
  return crc;
}

#ifdef OKO_CRC32C_X86
__attribute__((target("sse4.2"))) std::uint32_t crc_by_instruction(const unsigned char* data,
                                                                   std::size_t size,
                                                                   std::uint32_t crc) {
  std::uint64_t wide = crc;
  for (; size >= 8; data += 8, size -= 8) {
    std::uint64_t word;
    std::memcpy(&word, data, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; size > 0; ++data, --size) crc = _mm_crc32_u8(crc, *data);
  return crc;
}
#endif

// a × b modulo the polynomial, both with the lowest power in the highest bit.
std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (std::uint32_t bit = 0x80000000; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = (b >> 1) ^ ((b & 1) != 0 ? kPolynomial : 0);
  }
  return product;
}

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> content, std::uint32_t crc) {
  const auto* data = reinterpret_cast<const unsigned char*>(content.data());
#ifdef OKO_CRC32C_X86
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return ~crc_by_instruction(data, content.size(), ~crc);
#endif
  return ~crc_by_table(data, content.size(), ~crc);
}

std::uint32_t crc32c_combine(std::uint32_t a, std::uint32_t b, std::uint64_t length_of_b) {
  // x^(8·length) by squaring; 0x800000 is x^8.
  std::uint32_t power = 0x80000000, square = 0x00800000;
  for (; length_of_b != 0; length_of_b >>= 1) {
    if ((length_of_b & 1) != 0) power = multiply(power, square);
    square = multiply(square, square);
  }
  return multiply(power, a) ^ b;
}

Digest::Digest(Kind kind) : context_(EVP_MD_CTX_new()) {
  auto* const context = static_cast<EVP_MD_CTX*>(context_);
  const EVP_MD* const type = kind == Kind::kMd5 ? EVP_md5() : EVP_sha256();
  if (context == nullptr || EVP_DigestInit_ex(context, type, nullptr) != 1) {
    EVP_MD_CTX_free(context);
    throw Error(
        ErrorCode::kFailed, "",
        std::string(kind == Kind::kMd5 ? "MD5" : "SHA-256") + " is not available from OpenSSL");
  }
}
Digest::~Digest() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }
void Digest::add(std::span<const std::byte> content) {
  EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), content.data(), content.size());
}
void Digest::finish_into(std::span<std::byte> digest) {
  EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_),
                     reinterpret_cast<unsigned char*>(digest.data()), nullptr);
}

std::array<std::byte, 16> Md5::finish() {
  std::array<std::byte, 16> digest{};
  finish_into(digest);
  return digest;
}

std::string Sha256::finish() {
  std::array<std::byte, 32> digest{};
  finish_into(digest);
  return hex(digest);
}

std::array<std::byte, 16> md5(std::span<const std::byte> content) {
  Md5 digest;
  digest.add(content);
  return digest.finish();
}

std::string hex(std::span<const std::byte> bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const std::byte b : bytes) {
    text += kHex[static_cast<unsigned>(b) >> 4];
    text += kHex[static_cast<unsigned>(b) & 15];
  }
  return text;
}

std::string base64(std::span<const std::byte> bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<std::uint32_t>(bytes[i + k]) : 0);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k <= bytes.size() ? kBase64[(group >> (18 - 6 * k)) & 63] : '=';
    }
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string bytes;
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const char* found = c == '\0' ? nullptr : std::strchr(kBase64, c);
    if (found == nullptr) return std::nullopt;
    group = group << 6 | static_cast<std::uint32_t>(found - kBase64);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(group >> bits & 255);
    }
  }
  return bytes;
}

std::string base64_url(std::span<const std::byte> bytes) {
  std::string text = base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

std::string crc32c_text(std::uint32_t crc) {
  const std::array<std::byte, 4> bytes{std::byte(crc >> 24), std::byte(crc >> 16 & 255),
                                       std::byte(crc >> 8 & 255), std::byte(crc & 255)};
  return base64(bytes);
}

std::optional<std::uint32_t> parse_crc32c(std::string_view text) {
  const auto bytes = from_base64(text);
  if (!bytes || bytes->size() != 4) return std::nullopt;
  std::uint32_t crc = 0;
  for (const char c : *bytes) crc = crc << 8 | static_cast<unsigned char>(c);
  return crc;
}

}  // namespace oko::storage
