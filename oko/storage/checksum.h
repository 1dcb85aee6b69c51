#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace oko::storage {

// CRC-32C (Castagnoli; RFC 3720, appendix B.4), which Google and S3 keep for objects. `crc` is the
// checksum of the preceding content: crc32c(b, crc32c(a)) is that of a and b together.
std::uint32_t crc32c(std::span<const std::byte> content, std::uint32_t crc = 0);
// The checksum of a and b concatenated, from their checksums and the length of b, without reading
// them.
std::uint32_t crc32c_combine(std::uint32_t a, std::uint32_t b, std::uint64_t length_of_b);

std::array<std::byte, 16> md5(std::span<const std::byte> content);
std::string hex(std::span<const std::byte> bytes);  // lower case

std::string base64(std::span<const std::byte> bytes);
std::optional<std::string> from_base64(std::string_view text);  // null if invalid
// Without padding and with - and _ (RFC 7515).
std::string base64_url(std::span<const std::byte> bytes);

// As stores write it: the four bytes, big-endian, in Base64.
std::string crc32c_text(std::uint32_t crc);
std::optional<std::uint32_t> parse_crc32c(std::string_view text);

// A digest of content in pieces.
class Digest {
 public:
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;
  void add(std::span<const std::byte> content);

 protected:
  enum class Kind { kMd5, kSha256 };
  explicit Digest(Kind kind);
  ~Digest();
  void finish_into(std::span<std::byte> digest);

 private:
  void* context_;  // EVP_MD_CTX
};

class Md5 : public Digest {
 public:
  Md5() : Digest(Kind::kMd5) {}
  std::array<std::byte, 16> finish();
};

class Sha256 : public Digest {
 public:
  Sha256() : Digest(Kind::kSha256) {}
  std::string finish();  // in lower-case hexadecimal
};

}  // namespace oko::storage
