#include "oko/seal/sealed_model.h"

#include <sodium.h>

#include <algorithm>

#include "oko/base/ustar.h"
#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

constexpr std::size_t kEnd = 2 * kUstarBlock;  // zeros
constexpr std::size_t kSizeField = 124, kSizeDigits = 11;

bool is_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

class TarReader {
 public:
  TarReader(std::span<const std::byte> file, const std::string& name) : file_(file), name_(name) {}

  std::size_t position() const { return at_; }

  std::span<const std::byte> member(std::string_view name) {
    if (file_.size() - at_ < kUstarBlock)
      throw fault("ends where " + std::string(name) + " starts");
    const std::size_t size = size_field();
    const std::string block = ustar_block({.name = name, .size = size});
    if (!std::ranges::equal(file_.subspan(at_, kUstarBlock), std::as_bytes(std::span(block)))) {
      throw fault("is not the start of " + std::string(name) + " in a sealed model");
    }
    at_ += kUstarBlock;
    const std::size_t filled = ustar_rounded_up(size);
    if (file_.size() - at_ < filled) throw fault("ends within " + std::string(name));
    const auto content = file_.subspan(at_, size);
    at_ += size;
    zeros(filled - size);
    return content;
  }

  void end() {
    if (file_.size() - at_ != kEnd) throw fault("is not the end of a sealed model");
    zeros(kEnd);
  }

 private:
  // Of the member that starts here; the comparison with the whole block finds what is wrong here.
  std::size_t size_field() const {
    std::size_t size = 0;
    for (const std::byte digit : file_.subspan(at_ + kSizeField, kSizeDigits)) {
      size = size << 3 | (static_cast<std::size_t>(digit) & 7);
    }
    return size;
  }
  void zeros(std::size_t count) {
    if (!is_zero(file_.subspan(at_, count))) throw fault("is not zero as it should be");
    at_ += count;
  }
  Refused fault(std::string message) const {
    return {Refusal::kDamaged, name_ + "@" + std::to_string(at_), std::move(message),
            "the file is not one that oko seal pack wrote, or was changed since"};
  }

  std::span<const std::byte> file_;
  const std::string& name_;
  std::size_t at_ = 0;
};

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// In parts, so that each can be given back.
std::string hash_of(std::span<const std::byte> bytes, const Done& done) {
  constexpr std::size_t kPart = std::size_t{1} << 20;
  Blake2b hash;
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(bytes.size(), kPart));
    hash.add(part);
    if (done) done(part);
    bytes = bytes.subspan(part.size());
  }
  return hash.hex();
}

}  // namespace

bool is_sealed(std::span<const std::byte> file) {
  // The name fills up with zeros, so no longer name starts with it.
  std::string start(kManifestName);
  start += '\0';
  return file.size() >= kUstarBlock && text_of(file).starts_with(start);
}

SealedModel read_sealed(std::span<const std::byte> file, const std::string& name) {
  TarReader reader(file, name);
  SealedModel sealed;
  sealed.manifest = text_of(reader.member(kManifestName));
  sealed.signature = text_of(reader.member(kSignatureName));
  sealed.payload_offset = reader.position() + kUstarBlock;
  sealed.payload = reader.member(kPayloadName);
  reader.end();
  return sealed;
}

std::vector<std::byte> sealed_file(std::string_view manifest, std::string_view signature,
                                   std::span<const std::byte> payload) {
  std::vector<std::byte> file;
  file.reserve(ustar_rounded_up(manifest.size()) + ustar_rounded_up(signature.size()) +
               ustar_rounded_up(payload.size()) + 3 * kUstarBlock + kEnd);
  const auto add = [&](std::string_view name, std::span<const std::byte> content) {
    const std::string block = ustar_block({.name = name, .size = content.size()});
    const auto bytes = std::as_bytes(std::span(block));
    file.insert(file.end(), bytes.begin(), bytes.end());
    file.insert(file.end(), content.begin(), content.end());
    file.resize(ustar_rounded_up(file.size()));
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

Locked open_sealed(const SealedModel& sealed, const Manifest& manifest,
                   std::span<const Unwrap> keys, const std::string& name, const Done& done) {
  const std::string place = name + ": " + std::string(kPayloadName);
  if (sealed.payload.size() != manifest.sealed_size ||
      hash_of(sealed.payload, done) != manifest.sealed_hash) {
    throw Refused(Refusal::kDamaged, place, "is not the file that the manifest describes",
                  "it was changed after it was sealed, or belongs to another model");
  }
  Locked model = decrypt_age(sealed.payload, keys, place, done);
  if (model.size() != manifest.size) {
    throw Refused(Refusal::kDamaged, place, "has another size than the manifest says");
  }
  return model;
}

}  // namespace oko::seal
