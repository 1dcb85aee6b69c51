#include "oko/runtime/update.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "oko/base/error.h"
#include "oko/runtime/file.h"
#include "oko/seal/manifest.h"
#include "oko/seal/refused.h"
#include "oko/seal/sealed_model.h"

namespace oko::runtime {
namespace {

constexpr const char *kRoot = "@root", *kIndex = "@index", *kIndexPlace = "index of updates";

// The index that the app accepted last. Nothing if there is none, or it is not one that this app
// could have accepted: the numbers that the app has stored still hold.
struct Known {
  seal::IndexFile file;
  seal::TrustedIndex trusted;
};
std::optional<Known> known_in(const std::string& path, const seal::PublicKey& root) {
  const auto bytes = map_if_there(path);
  if (!bytes || bytes->span().empty()) return std::nullopt;
  try {
    Known known;
    known.file = seal::read_index_file(bytes->span(), path);
    known.trusted = seal::trusted_index(known.file, root, path);
    return known;
  } catch (const Error&) {
    return std::nullopt;
  }
}

seal::Manifest manifest_of(const File& file, const std::string& path) {
  const seal::Source source(
      file.size(), [&](std::size_t offset, std::span<std::byte> to) { file.read_at(offset, to); });
  const seal::SealedModel sealed = seal::read_sealed(source, path);
  return seal::read_manifest(sealed.manifest, path);
}

}  // namespace

Update::Update(std::span<const std::byte> bytes, const seal::PublicKey& root,
               const UpdateOptions& options, const Releases& releases)
    : folder_(options.folder), app_version_(options.app_version) {
  const seal::IndexFile file = seal::read_index_file(bytes, kIndexPlace);
  seal::TrustedIndex trusted = seal::trusted_index(file, root, kIndexPlace);
  seal::Seen seen{releases.highest(kRoot), releases.highest(kIndex), options.now};
  const std::string path = folder_ + "/" + std::string(seal::kIndexFileName);
  const std::optional<Known> known = known_in(path, root);
  if (known) {
    seal::check_continues(known->file, file, kIndexPlace);
    seen.root = std::max(seen.root, known->trusted.root.number);
    seen.index = std::max(seen.index, known->trusted.index.number);
  }
  seal::check_current(trusted, seen, kIndexPlace);
  if (!known || known->trusted.index.number != trusted.index.number ||
      known->trusted.root.number != trusted.root.number) {
    write_whole(path, bytes);
  } else if (known->trusted.index != trusted.index) {
    throw seal::Refused(seal::Refusal::kSigner, kIndexPlace,
                        "is not the index with this number that the app has seen");
  }
  releases.raise(kRoot, trusted.root.number);
  releases.raise(kIndex, trusted.index.number);
  index_ = std::move(trusted.index);
}

std::vector<std::string> Update::models() const {
  std::vector<std::string> all;
  for (const seal::Offer& offer : index_.offers) {
    if (all.empty() || all.back() != offer.model) all.push_back(offer.model);
  }
  return all;
}

const seal::Offer& Update::offer(const std::string& model) const {
  return seal::offer_of(index_, model, app_version_, kIndexPlace);
}

std::string Update::path(const std::string& model) const {
  return folder_ + "/" + offer(model).model + ".oko.sealed";
}

std::uint64_t Update::installed(const std::string& model) const {
  const std::string file = path(model);
  try {
    const seal::Manifest manifest = manifest_of(File(file), file);
    return manifest.model == model ? manifest.release : 0;
  } catch (const Error&) {
    return 0;
  }
}

void Update::install(const std::string& model, const std::string& fetched) const {
  const seal::Offer& wanted = offer(model);
  const File file(fetched);
  const auto fault = [&](const std::string& what) {
    return seal::Refused(seal::Refusal::kDamaged, fetched,
                         what + " release " + std::to_string(wanted.release) + " of " + model,
                         "fetch it again");
  };
  if (file.size() != wanted.size) throw fault("does not have the size of");
  if (installed(model) > wanted.release) {
    throw seal::Refused(seal::Refusal::kOldRelease, path(model),
                        "is release " + std::to_string(installed(model)) +
                            ", and the index has only release " + std::to_string(wanted.release));
  }
  remove_abandoned(path(model));
  // What is checked is what is written, whatever happens to the file that was fetched.
  constexpr std::size_t kPart = std::size_t{256} << 10;
  std::vector<std::byte> buffer(std::min(file.size(), kPart));
  seal::Blake2b hash;
  NewFile to(path(model));
  for (std::size_t at = 0; at < file.size();) {
    const auto part = std::span(buffer).first(std::min(file.size() - at, kPart));
    file.read_at(at, part);
    hash.add(part);
    to.write(part);
    at += part.size();
  }
  if (hash.hex() != wanted.hash) throw fault("is not");
  to.flush();
  const seal::Manifest manifest = manifest_of(File(to.part()), fetched);
  if (manifest.model != model || manifest.release != wanted.release)
    throw fault("does not contain");
  to.publish();
}

}  // namespace oko::runtime
