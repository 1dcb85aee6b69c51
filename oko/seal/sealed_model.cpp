#include "oko/seal/sealed_model.h"

#include <algorithm>
#include <cassert>

#include "oko/seal/members.h"
#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

constexpr std::size_t kLongestManifest = std::size_t{1} << 20, kLongestSignature = 16384;

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

// Reads a file once, from its start to its end, and hashes what it gives out, so that what was
// hashed is what is used, whatever happens to the file meanwhile. Its head may be read again.
class HashedOnce {
 public:
  explicit HashedOnce(const Source& file)
      : file_(file), head_(file.read(0, std::min(file.size(), kLongestAgeHeader))) {
    hash_.add(head_);
    at_ = head_.size();
  }
  HashedOnce(const HashedOnce&) = delete;
  HashedOnce& operator=(const HashedOnce&) = delete;

  Source source() {
    return {file_.size(),
            [this](std::size_t offset, std::span<std::byte> to) { read(offset, to); }};
  }
  // After the last byte.
  std::string hex() { return at_ == file_.size() ? hash_.hex() : ""; }

 private:
  void read(std::size_t offset, std::span<std::byte> to) {
    const std::size_t in_head =
        offset < head_.size() ? std::min(to.size(), head_.size() - offset) : 0;
    std::copy_n(head_.begin() + static_cast<std::ptrdiff_t>(std::min(offset, head_.size())),
                in_head, to.begin());
    const auto rest = to.subspan(in_head);
    if (rest.empty()) return;
    assert(offset + in_head == at_);
    file_.read(at_, rest);
    hash_.add(rest);
    at_ += rest.size();
  }

  const Source& file_;
  std::vector<std::byte> head_;
  std::size_t at_ = 0;
  Blake2b hash_;
};

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
  MemberReader reader(file, name, "a sealed model");
  SealedModel sealed;
  sealed.manifest = reader.text(kManifestName, kLongestManifest);
  sealed.signature = reader.text(kSignatureName, kLongestSignature);
  sealed.payload = reader.part(kPayloadName);
  reader.end();
  return sealed;
}

std::vector<std::byte> sealed_file(std::string_view manifest, std::string_view signature,
                                   std::span<const std::byte> payload) {
  MemberWriter writer(manifest.size() + signature.size() + payload.size() + 8 * kUstarBlock);
  writer.add(kManifestName, bytes_of(manifest));
  writer.add(kSignatureName, bytes_of(signature));
  writer.add(kPayloadName, payload);
  return writer.end();
}

Manifest verified_manifest(const SealedModel& sealed, const PublicKey& signer,
                           const std::string& name) {
  start_sodium();
  verify_strictly(signer, sealed.manifest, sealed.signature,
                  name + ": " + std::string(kSignatureName));
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

void check_content(std::span<const std::byte> model, const Manifest& manifest,
                   const std::string& name) {
  if (model.size() != manifest.size || blake2b_hex(model) != manifest.hash) {
    throw Refused(Refusal::kDamaged, payload_place(name),
                  "what it contains is not the model that the manifest describes");
  }
}

Locked open_sealed(const SealedModel& sealed, const Manifest& manifest,
                   std::span<const Unwrap> keys, const std::string& name) {
  if (sealed.payload.size() != manifest.sealed_size) check_payload(sealed, manifest, name);
  HashedOnce payload(sealed.payload);
  try {
    Locked model = decrypt_age(payload.source(), keys, payload_place(name));
    if (payload.hex() == manifest.sealed_hash) return model;
  } catch (const Refused&) {
    // That it was changed comes before what it cannot be opened for.
    check_payload(sealed, manifest, name);
    throw;
  }
  check_payload(sealed, manifest, name);
  throw Refused(Refusal::kDamaged, payload_place(name), "was changed while it was read");
}

}  // namespace oko::seal
