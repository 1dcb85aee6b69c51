#include "oko/runtime/update.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "oko/base/error.h"
#include "oko/runtime/file.h"
#include "oko/seal/manifest.h"
#include "oko/seal/refused.h"
#include "oko/seal/sealed_model.h"

namespace oko::runtime {
namespace {

constexpr const char* kIndexPlace = "index of updates";

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

seal::Source source_of(const File& file) {
  return {file.size(),
          [&file](std::size_t offset, std::span<std::byte> to) { file.read_at(offset, to); }};
}

// Of a sealed file; checked with `signer` if there is one.
seal::Manifest manifest_of(const File& file, const std::optional<seal::PublicKey>& signer,
                           const std::string& path) {
  const seal::SealedModel sealed = seal::read_sealed(source_of(file), path);
  if (signer) return seal::verified_manifest(sealed, *signer, path);
  return seal::read_manifest(sealed.manifest, path);
}

// Passes the file on in parts, and returns the hash of what was passed on.
std::string hash_of(const File& file, const std::function<void(std::span<const std::byte>)>& use) {
  constexpr std::size_t kPart = std::size_t{256} << 10;
  std::vector<std::byte> buffer(std::min(file.size(), kPart));
  seal::Blake2b hash;
  for (std::size_t at = 0; at < file.size();) {
    const auto part = std::span(buffer).first(std::min(file.size() - at, kPart));
    file.read_at(at, part);
    hash.add(part);
    use(part);
    at += part.size();
  }
  return hash.hex();
}

// The key's own counter.
std::string counter(const char* what, const seal::PublicKey& key) {
  return std::string(what) + "." + key.id();
}

}  // namespace

Update::Update(std::span<const std::byte> bytes, const seal::PublicKey& root,
               const UpdateOptions& options, const Releases& releases)
    : options_(options) {
  const seal::IndexFile file = seal::read_index_file(bytes, kIndexPlace);
  seal::TrustedIndex trusted = seal::trusted_index(file, root, kIndexPlace);
  const std::string path = options_.folder + "/" + std::string(seal::kIndexFileName);
  const std::string root_counter = counter("@root", root);
  const std::string index_counter =
      counter("@index", seal::PublicKey::read(trusted.root.index_key, kIndexPlace));
  const FolderLock lock(options_.folder);
  seal::Seen seen{releases.highest(root_counter), releases.highest(index_counter), options.now};
  const std::optional<Known> known = known_in(path, root);
  if (known) {
    seal::check_continues(known->file, file, trusted.first, kIndexPlace);
    seen.root = std::max(seen.root, known->trusted.root.number);
    if (known->trusted.root.index_key == trusted.root.index_key) {
      seen.index = std::max(seen.index, known->trusted.index.number);
    }
  }
  seal::check_current(trusted, seen, kIndexPlace);
  const bool is_seen = known && known->trusted.root == trusted.root &&
                       known->trusted.index.number == trusted.index.number;
  if (is_seen && known->trusted.index != trusted.index) {
    throw seal::Refused(seal::Refusal::kSigner, kIndexPlace,
                        "is not the index with this number that the app has seen");
  }
  releases.raise(root_counter, trusted.root.number);
  releases.raise(index_counter, trusted.index.number);
  if (!is_seen) {
    remove_abandoned(path);
    write_whole(path, bytes);
  }
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
  return seal::offer_of(index_, model, options_.app_version, kIndexPlace);
}

std::string Update::path(const std::string& model) const {
  return options_.folder + "/" + offer(model).model + ".oko.sealed";
}

std::uint64_t Update::installed(const std::string& model) const {
  const std::string path = this->path(model);
  try {
    const File file(path);
    const seal::Manifest manifest = manifest_of(file, options_.signer, path);
    if (manifest.model != model) return 0;
    // One that was damaged since is fetched again.
    const seal::Offer& wanted = offer(model);
    const bool is_other = manifest.release == wanted.release &&
                          (file.size() != wanted.size || hash_of(file, [](auto) {}) != wanted.hash);
    return is_other ? 0 : manifest.release;
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
  const FolderLock lock(options_.folder);
  if (const std::uint64_t release = installed(model); release > wanted.release) {
    throw seal::Refused(seal::Refusal::kOldRelease, path(model),
                        "is release " + std::to_string(release) +
                            ", and the index has only release " + std::to_string(wanted.release));
  }
  remove_abandoned(path(model));
  // What is checked is what is written, whatever happens to the file that was fetched.
  NewFile to(path(model));
  const std::string hash = hash_of(file, [&](std::span<const std::byte> part) { to.write(part); });
  if (hash != wanted.hash) throw fault("is not");
  to.flush();
  const seal::Manifest manifest = manifest_of(File(to.part()), options_.signer, fetched);
  if (manifest.model != model || manifest.release != wanted.release) {
    throw fault("does not contain");
  }
  to.publish();
}

}  // namespace oko::runtime
