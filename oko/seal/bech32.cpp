#include "oko/seal/bech32.h"

#include <algorithm>
#include <cstdint>

#include "oko/base/locked.h"

namespace oko::seal {
namespace {

constexpr std::string_view kAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::size_t kChecksum = 6;  // groups of five bits

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The remainder of the BCH code that BIP 173 defines.
class Remainder {
 public:
  explicit Remainder(std::string_view prefix) {
    for (const char c : prefix) add(static_cast<std::uint8_t>(c) >> 5);
    add(0);
    for (const char c : prefix) add(static_cast<std::uint8_t>(c) & 31);
  }
  void add(std::uint32_t five_bits) {
    constexpr std::uint32_t kGenerator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                            0x2a1462b3};
    const std::uint32_t top = value_ >> 25;
    value_ = (value_ & 0x1ffffff) << 5 ^ five_bits;
    for (int bit = 0; bit < 5; ++bit) {
      if ((top >> bit & 1) != 0) value_ ^= kGenerator[bit];
    }
  }
  std::uint32_t value() const { return value_; }

 private:
  std::uint32_t value_ = 1;
};

// A secret key with a wrong character is nearly a secret key.
std::nullopt_t refused(Bech32& text) {
  wipe(text.data);
  return std::nullopt;
}

}  // namespace

std::optional<Bech32> read_bech32(std::string_view text) {
  const std::size_t one = text.rfind('1');
  if (one == text.npos || one == 0 || text.size() - one - 1 < kChecksum) return std::nullopt;
  Bech32 out;
  bool has_upper = false, has_lower = false;
  for (const char c : text) {
    if (c < 33 || c > 126) return std::nullopt;
    has_upper |= c >= 'A' && c <= 'Z';
    has_lower |= c >= 'a' && c <= 'z';
  }
  if (has_upper && has_lower) return std::nullopt;
  out.upper = has_upper;
  for (const char c : text.substr(0, one)) out.prefix += lower(c);

  // All at once: memory that a growing vector leaves would keep a part of a secret key.
  out.data.reserve(text.size());
  Remainder remainder(out.prefix);
  std::uint32_t bits = 0;
  int waiting = 0;
  for (std::size_t i = one + 1; i < text.size(); ++i) {
    const std::size_t value = kAlphabet.find(lower(text[i]));
    if (value == kAlphabet.npos) return refused(out);
    remainder.add(static_cast<std::uint32_t>(value));
    if (i >= text.size() - kChecksum) continue;
    bits = (bits << 5 | static_cast<std::uint32_t>(value)) & 0xfff;
    waiting += 5;
    if (waiting >= 8) {
      waiting -= 8;
      out.data.push_back(static_cast<std::byte>(bits >> waiting & 0xff));
    }
  }
  // What does not fill a byte must be less than a character, and zero.
  const bool is_whole = waiting < 5 && (bits & ((1U << waiting) - 1)) == 0;
  if (!is_whole || remainder.value() != 1) return refused(out);
  return out;
}

std::string bech32(std::string_view prefix, std::span<const std::byte> data) {
  std::string text = std::string(prefix) + "1";
  Remainder remainder(prefix);
  const auto add = [&](std::uint32_t five_bits) {
    remainder.add(five_bits);
    text += kAlphabet[five_bits];
  };
  std::uint32_t bits = 0;
  int waiting = 0;
  for (const std::byte byte : data) {
    bits = (bits << 8 | static_cast<std::uint32_t>(byte)) & 0xfff;
    waiting += 8;
    while (waiting >= 5) {
      waiting -= 5;
      add(bits >> waiting & 31);
    }
  }
  if (waiting > 0) add(bits << (5 - waiting) & 31);
  for (std::size_t i = 0; i < kChecksum; ++i) remainder.add(0);
  const std::uint32_t checksum = remainder.value() ^ 1;
  for (std::size_t i = 0; i < kChecksum; ++i) {
    text += kAlphabet[checksum >> 5 * (kChecksum - 1 - i) & 31];
  }
  return text;
}

}  // namespace oko::seal
