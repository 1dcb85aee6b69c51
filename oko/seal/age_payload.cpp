#include "oko/seal/age_payload.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

constexpr std::size_t kNonce = 16;
constexpr std::size_t kChunk = std::size_t{64} << 10;
constexpr std::size_t kTag = crypto_aead_chacha20poly1305_ietf_ABYTES;

// The number of a chunk, eleven bytes with the highest first, and whether it is the last.
std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES> nonce_of(std::uint64_t number,
                                                                               bool is_last) {
  std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES> nonce{};
  for (std::size_t i = 0; i < sizeof number; ++i) {
    nonce[nonce.size() - 2 - i] = static_cast<std::uint8_t>(number >> 8 * i);
  }
  nonce.back() = is_last ? 1 : 0;
  return nonce;
}

Wiped<32> payload_key(const FileKey& key, std::span<const std::byte> nonce) {
  return hkdf(key.span(), nonce, bytes_of("payload"));
}

}  // namespace

std::size_t payload_size(std::size_t content) {
  const std::size_t chunks = std::max<std::size_t>(1, (content + kChunk - 1) / kChunk);
  return kNonce + content + chunks * kTag;
}

Locked decrypt_payload(const Source& payload, const FileKey& key, const std::string& name,
                       std::size_t offset) {
  const auto fault = [&](std::size_t at, const char* message) {
    return Refused(Refusal::kDamaged, name + "@" + std::to_string(offset + at), message);
  };
  if (payload.size() < kNonce + kTag) throw fault(payload.size(), "the content is cut off");
  const std::size_t sealed = payload.size() - kNonce;
  const std::size_t chunks = (sealed + kChunk + kTag - 1) / (kChunk + kTag);
  const std::size_t rest = sealed - (chunks - 1) * (kChunk + kTag);  // of the last chunk
  if (rest < kTag) throw fault(payload.size(), "the content is cut off");
  // Otherwise one content could be written in two ways.
  if (rest == kTag && chunks > 1) throw fault(payload.size() - kTag, "the last chunk is empty");

  const Wiped<32> chunk_key = payload_key(key, payload.read(0, kNonce));
  Locked content(sealed - chunks * kTag);
  std::span<std::byte> to = content.span();
  std::vector<std::byte> buffer(std::min(sealed, kChunk + kTag));
  for (std::size_t i = 0; i < chunks; ++i) {
    const bool is_last = i + 1 == chunks;
    const std::size_t at = kNonce + i * (kChunk + kTag);
    const auto chunk = std::span(buffer).first(is_last ? rest : kChunk + kTag);
    payload.read(at, chunk);
    const auto nonce = nonce_of(i, is_last);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(
            reinterpret_cast<std::uint8_t*>(to.data()), nullptr, nullptr, octets(chunk),
            chunk.size(), nullptr, 0, nonce.data(), chunk_key.data()) != 0) {
      throw fault(at, "the content was changed or cut off after it was sealed");
    }
    to = to.subspan(chunk.size() - kTag);
  }
  return content;
}

void encrypt_payload(std::span<const std::byte> content, const FileKey& key,
                     std::vector<std::byte>& to) {
  std::array<std::byte, kNonce> salt{};
  randombytes_buf(salt.data(), salt.size());
  const Wiped<32> chunk_key = payload_key(key, salt);
  std::size_t at = to.size();
  to.resize(at + payload_size(content.size()));
  std::ranges::copy(salt, to.begin() + static_cast<std::ptrdiff_t>(at));
  at += kNonce;
  for (std::uint64_t i = 0;; ++i) {
    const auto chunk = content.first(std::min(content.size(), kChunk));
    content = content.subspan(chunk.size());
    const auto nonce = nonce_of(i, content.empty());
    crypto_aead_chacha20poly1305_ietf_encrypt(reinterpret_cast<std::uint8_t*>(to.data() + at),
                                              nullptr, octets(chunk), chunk.size(), nullptr, 0,
                                              nullptr, nonce.data(), chunk_key.data());
    at += chunk.size() + kTag;
    if (content.empty()) break;
  }
}

}  // namespace oko::seal
