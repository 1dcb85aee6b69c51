#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oko/seal/age_file.h"
#include "oko/seal/manifest.h"
#include "oko/seal/minisign.h"

// The .oko.sealed file (docs/sealed-models.md is the specification): a tar file of exactly three
// members, so that its parts can be checked with tar, minisign and age alone.
namespace oko::seal {

inline constexpr std::string_view kManifestName = "manifest.json",
                                  kSignatureName = "manifest.json.minisig",
                                  kPayloadName = "model.age";

// Its members: copies, but for the largest.
struct SealedModel {
  std::string manifest, signature;
  Source payload;  // an age file
};

// Whether it looks like one, so that a plain model is not taken for a damaged sealed one.
bool is_sealed(std::span<const std::byte> file);

// Throws Refused (kDamaged) unless every byte outside the members' content is as the format has it.
SealedModel read_sealed(const Source& file, const std::string& name);

// The file of these members.
std::vector<std::byte> sealed_file(std::string_view manifest, std::string_view signature,
                                   std::span<const std::byte> payload);

// The manifest, once the signature over it is checked. Throws Refused.
Manifest verified_manifest(const SealedModel& sealed, const PublicKey& signer,
                           const std::string& name);

// What an app demands of a model, besides the signature.
struct Demands {
  std::string model;          // its id; empty: any
  std::string app_version;    // the app's own; empty: not compared with the lowest one
  std::int64_t now = 0;       // seconds since 1970
  std::uint64_t release = 0;  // the highest one that the app has opened so far
};

// Throws Refused: kOtherModel, kOldRelease, kExpired or kOldApp.
void check_demands(const Manifest& manifest, const Demands& demands, const std::string& name);

// Throws Refused (kDamaged) unless the encrypted file is the one that the manifest describes.
void check_payload(const SealedModel& sealed, const Manifest& manifest, const std::string& name);

// The model. The encrypted file is read once: hashed and decrypted chunk by chunk, and nothing of
// it given out unless it is the one that the manifest describes. Throws Refused (kDamaged, kNoKey).
Locked open_sealed(const SealedModel& sealed, const Manifest& manifest,
                   std::span<const Unwrap> keys, const std::string& name);

// Throws Refused (kDamaged) unless this is the model that the manifest describes: a mistake of who
// sealed it, since the encrypted file is.
void check_content(std::span<const std::byte> model, const Manifest& manifest,
                   const std::string& name);

}  // namespace oko::seal
