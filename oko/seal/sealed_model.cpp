#include "oko/seal/sealed_model.h"

#include <sodium.h>

#include <algorithm>

#include "oko/base/ustar.h"
#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

constexpr std::size_t kEnd = 2 * kUstarBlock;  // zeros
constexpr std::size_t kSizeField = 124, kSizeDigits = 11;

constexpr std::size_t kLongestManifest = std::size_t{1} << 20, kLongestSignature = 16384;

class TarReader {
 public:
  TarReader(const Source& file, const std::string& name) : file_(file), name_(name) {}

  // Moves to the content of the member.
  std::size_t start(std::string_view name, std::size_t longest) {
    if (rest() < kUstarBlock) throw fault("ends where " + std::string(name) + " starts");
    const std::vector<std::byte> found = file_.read(at_, kUstarBlock);
    const std::uint64_t size = size_field(found);
    const std::string block = ustar_block({.name = name, .size = size});
    if (!std::ranges::equal(found, std::as_bytes(std::span(block)))) {
      throw fault("is not the start of " + std::string(name) + " in a sealed model");
    }
    at_ += kUstarBlock;
    if (size > longest) throw fault(std::string(name) + " is too long");
    if (size > rest() || ustar_rounded_up(size) > rest()) {
      throw fault("ends within " + std::string(name));
    }
    return static_cast<std::size_t>(size);
  }
  std::string text(std::string_view name, std::size_t longest) {
    std::string content(start(name, longest), '\0');
    file_.read(at_, std::as_writable_bytes(std::span(content)));
    finish(content.size());
    return content;
  }
  Source part(std::string_view name) {
    const std::size_t size = start(name, file_.size());
    const Source content = file_.part(at_, size);
    finish(size);
    return content;
  }
  void end() {
    if (rest() != kEnd) throw fault("is not the end of a sealed model");
    zeros(kEnd);
  }

 private:
  std::size_t rest() const { return file_.size() - at_; }

  // The comparison with the whole block finds what is wrong here.
  static std::uint64_t size_field(const std::vector<std::byte>& block) {
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < kSizeDigits; ++i) {
      size = size << 3 | (static_cast<std::uint64_t>(block[kSizeField + i]) & 7);
    }
    return size;
  }
  void finish(std::size_t size) {
    at_ += size;
    zeros(static_cast<std::size_t>(ustar_rounded_up(size)) - size);
  }
  void zeros(std::size_t count) {
    const std::vector<std::byte> found = file_.read(at_, count);
    if (std::ranges::any_of(found, [](std::byte b) { return b != std::byte{0}; })) {
      throw fault("is not zero as it should be");
    }
    at_ += count;
  }
  Refused fault(std::string message) const {
    return {Refusal::kDamaged, name_ + "@" + std::to_string(at_), std::move(message),
            "the file is not one that oko seal pack wrote, or was changed since"};
  }

  const Source& file_;
  const std::string& name_;
  std::size_t at_ = 0;
};

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// As the manifest writes it.
std::string hash_of(const Source& source) {
  constexpr std::size_t kPart = std::size_t{64} << 10;
  std::vector<std::byte> buffer(std::min(source.size(), kPart));
  Blake2b hash;
  for (std::size_t at = 0; at < source.size();) {
    const auto part = std::span(buffer).first(std::min(source.size() - at, kPart));
    source.read(at, part);
    hash.add(part);
    at += part.size();
  }
  return hash.hex();
}

std::string payload_place(const std::string& name) {
  return name + ": " + std::string(kPayloadName);
}

}  // namespace

bool is_sealed(std::span<const std::byte> file) {
  // The name fills up with zeros, so no longer name starts with it.
  std::string start(kManifestName);
  start += '\0';
  return file.size() >= kUstarBlock && text_of(file).starts_with(start);
}

SealedModel read_sealed(const Source& file, const std::string& name) {
  TarReader reader(file, name);
  SealedModel sealed;
  sealed.manifest = reader.text(kManifestName, kLongestManifest);
  sealed.signature = reader.text(kSignatureName, kLongestSignature);
  sealed.payload = reader.part(kPayloadName);
  reader.end();
  return sealed;
}

std::vector<std::byte> sealed_file(std::string_view manifest, std::string_view signature,
                                   std::span<const std::byte> payload) {
  std::vector<std::byte> file;
  file.reserve(manifest.size() + signature.size() + payload.size() + 6 * kUstarBlock + kEnd);
  const auto add = [&](std::string_view name, std::span<const std::byte> content) {
    const std::string block = ustar_block({.name = name, .size = content.size()});
    const auto bytes = std::as_bytes(std::span(block));
    file.insert(file.end(), bytes.begin(), bytes.end());
    file.insert(file.end(), content.begin(), content.end());
    file.resize(static_cast<std::size_t>(ustar_rounded_up(file.size())));
  };
  add(kManifestName, bytes_of(manifest));
  add(kSignatureName, bytes_of(signature));
  add(kPayloadName, payload);
  file.resize(file.size() + kEnd);
  return file;
}

Manifest verified_manifest(const SealedModel& sealed, const PublicKey& signer,
                           const std::string& name) {
  start_sodium();
  const std::string place = name + ": " + std::string(kSignatureName);
  signer.verify(bytes_of(sealed.manifest), sealed.signature, place);
  // What minisign does not look at: one signature has one text here.
  if (!sealed.signature.starts_with(signature_comment(signer.id()) + "\n") ||
      sealed.signature.find('\r') != std::string_view::npos || !sealed.signature.ends_with('\n')) {
    throw Refused(Refusal::kDamaged, place, "the signature is not written as oko writes it");
  }
  return read_manifest(sealed.manifest, name + ": " + std::string(kManifestName));
}

void check_demands(const Manifest& manifest, const Demands& demands, const std::string& name) {
  if (!demands.model.empty() && manifest.model != demands.model) {
    throw Refused(Refusal::kOtherModel, name,
                  "is the model \"" + manifest.model + "\", not \"" + demands.model + "\"");
  }
  if (manifest.release < demands.release) {
    throw Refused(Refusal::kOldRelease, name,
                  "is release " + std::to_string(manifest.release) + ", but release " +
                      std::to_string(demands.release) + " was opened before");
  }
  if (manifest.expires != 0 && demands.now >= manifest.expires) {
    throw Refused(Refusal::kExpired, name, "expired at " + utc_text(manifest.expires));
  }
  if (!manifest.minimum_app.empty() && !demands.app_version.empty() &&
      is_older(demands.app_version, manifest.minimum_app)) {
    throw Refused(Refusal::kOldApp, name,
                  "needs version " + manifest.minimum_app + " of the app, and this is " +
                      demands.app_version);
  }
}

void check_payload(const SealedModel& sealed, const Manifest& manifest, const std::string& name) {
  if (sealed.payload.size() != manifest.sealed_size ||
      hash_of(sealed.payload) != manifest.sealed_hash) {
    throw Refused(Refusal::kDamaged, payload_place(name),
                  "is not the file that the manifest describes",
                  "it was changed after it was sealed, or belongs to another model");
  }
}

Locked open_sealed(const SealedModel& sealed, const Manifest& manifest,
                   std::span<const Unwrap> keys, const std::string& name) {
  check_payload(sealed, manifest, name);
  Locked model = decrypt_age(sealed.payload, keys, payload_place(name));
  // Of the model where it is, not of a copy.
  if (model.size() != manifest.size || blake2b_hex(model.span()) != manifest.hash) {
    throw Refused(Refusal::kDamaged, payload_place(name),
                  "what it contains is not the model that the manifest describes");
  }
  return model;
}

}  // namespace oko::seal
