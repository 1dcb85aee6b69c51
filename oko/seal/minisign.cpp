#include "oko/seal/minisign.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

constexpr std::string_view kUntrusted = "untrusted comment: ", kTrusted = "trusted comment: ";
constexpr std::string_view kLegacy = "Ed", kHashed = "ED";
constexpr std::size_t kKind = 2, kId = 8, kSignature = crypto_sign_BYTES;
constexpr std::size_t kLongest = 16384;  // of a signature's text

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// Of minisign: the number in its bytes, lowest first.
std::string id_text(std::span<const std::uint8_t> id) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (std::size_t i = id.size(); i-- > 0;) {
    text += kDigits[id[i] >> 4];
    text += kDigits[id[i] & 15];
  }
  return text;
}

struct Signature {
  std::string_view kind;
  std::array<std::uint8_t, kId> id{};
  std::array<std::uint8_t, kSignature> value{}, global{};
  std::string comment;
};

Signature read_signature(std::string_view text, const std::string& name) {
  const auto fault = [&](int line, const char* message) {
    return Refused(Refusal::kDamaged, name + ":" + std::to_string(line), message);
  };
  if (text.size() > kLongest) throw fault(1, "is too long for a signature");
  const std::vector<std::string_view> lines = lines_of(text);
  if (lines.size() != 4) throw fault(1, "a signature has four lines");
  if (!lines[0].starts_with(kUntrusted)) throw fault(1, "does not start with a comment");
  const auto line = from_base64(lines[1], true);
  if (!line || line->size() != kKind + kId + kSignature) throw fault(2, "is not a signature");
  if (!lines[2].starts_with(kTrusted)) throw fault(3, "is not the trusted comment");
  const auto global = from_base64(lines[3], true);
  if (!global || global->size() != kSignature) throw fault(4, "is not a signature");

  Signature signature;
  const std::string_view kind(reinterpret_cast<const char*>(line->data()), kKind);
  if (kind == kLegacy) {
    throw Refused(Refusal::kSigner, name + ":2", "is a signature of minisign's older kind",
                  "sign again with oko seal pack, or with minisign 0.8 or later and -H");
  }
  if (kind != kHashed) throw fault(2, "is not a signature of minisign's");
  std::memcpy(signature.id.data(), line->data() + kKind, kId);
  std::memcpy(signature.value.data(), line->data() + kKind + kId, kSignature);
  std::memcpy(signature.global.data(), global->data(), kSignature);
  signature.comment = lines[2].substr(kTrusted.size());
  return signature;
}

}  // namespace

std::string signature_comment(const std::string& key_id) {
  return std::string(kUntrusted) + "signature with the key " + key_id;
}

PublicKey PublicKey::read(std::string_view text, const std::string& place) {
  const Error fault = input_error(place, "is not a public key of minisign's",
                                  "it is one line that starts with RW, as in minisign.pub");
  if (text.size() > kLongest) throw fault;
  std::vector<std::string_view> lines = lines_of(without_bom(text));
  while (!lines.empty() && lines.back().find_first_not_of(" \t") == std::string_view::npos) {
    lines.pop_back();
  }
  if (lines.size() == 2 && lines[0].starts_with(kUntrusted)) lines.erase(lines.begin());
  if (lines.size() != 1) throw fault;
  const auto bytes = from_base64(lines[0], true);
  PublicKey key;
  if (!bytes || bytes->size() != kKind + kId + key.key_.size() ||
      std::memcmp(bytes->data(), kLegacy.data(), kKind) != 0) {
    throw fault;
  }
  std::memcpy(key.id_.data(), bytes->data() + kKind, kId);
  std::memcpy(key.key_.data(), bytes->data() + kKind + kId, key.key_.size());
  return key;
}

std::string PublicKey::text() const {
  std::vector<std::byte> bytes;
  for (const char c : kLegacy) bytes.push_back(static_cast<std::byte>(c));
  for (const std::uint8_t b : id_) bytes.push_back(static_cast<std::byte>(b));
  for (const std::uint8_t b : key_) bytes.push_back(static_cast<std::byte>(b));
  return base64(bytes, true);
}

std::string PublicKey::id() const { return id_text(id_); }

std::string PublicKey::verify(std::span<const std::byte> file, std::string_view signature_text,
                              const std::string& name) const {
  const Signature signature = read_signature(signature_text, name);
  if (signature.id != id_) {
    throw Refused(Refusal::kSigner, name,
                  "is signed with the key " + id_text(signature.id) + ", not with " + id());
  }
  std::array<std::uint8_t, crypto_generichash_BYTES_MAX> hash{};
  crypto_generichash(hash.data(), hash.size(), octets(file), file.size(), nullptr, 0);
  if (crypto_sign_verify_detached(signature.value.data(), hash.data(), hash.size(), key_.data()) !=
      0) {
    throw Refused(Refusal::kSigner, name, "the signature is not right: what it signs was changed");
  }
  std::vector<std::uint8_t> global(signature.value.begin(), signature.value.end());
  global.insert(global.end(), signature.comment.begin(), signature.comment.end());
  if (crypto_sign_verify_detached(signature.global.data(), global.data(), global.size(),
                                  key_.data()) != 0) {
    throw Refused(Refusal::kSigner, name, "the signature's trusted comment was changed");
  }
  return signature.comment;
}

void verify_strictly(const PublicKey& signer, std::string_view text, std::string_view signature,
                     const std::string& name) {
  signer.verify(bytes_of(text), signature, name);
  if (!signature.starts_with(signature_comment(signer.id()) + "\n") ||
      signature.find('\r') != std::string_view::npos || !signature.ends_with('\n')) {
    throw Refused(Refusal::kDamaged, name, "the signature is not written as oko writes it");
  }
}

}  // namespace oko::seal
