#include "oko/seal/pack/publish.h"

#include <algorithm>
#include <map>
#include <utility>

#include "oko/base/error.h"
#include "oko/seal/fields.h"
#include "oko/seal/sealed_model.h"

namespace oko::seal {
namespace {

Error usage(const std::string& place, std::string message, std::string hint = {}) {
  return {ErrorCode::kUsage, place, std::move(message), std::move(hint)};
}

std::string sign(const SecretKey& key, const std::string& text, const std::string& comment) {
  return key.sign(bytes_of(text), comment);
}

// The root that `keys` ask for: the last one where nothing changes.
Root wanted_root(const Published* known, std::int64_t created, const PublishKeys& keys) {
  Root root;
  if (known != nullptr) root = known->root;
  if (keys.root != nullptr) root.root_key = keys.root->public_key().text();
  if (keys.root != nullptr) root.index_key = keys.index->public_key().text();
  if (keys.root_expires) root.expires = *keys.root_expires;
  if (known == nullptr || root != known->root) {
    root.number = known == nullptr ? 1 : known->root.number + 1;
    root.created = created;
  }
  return root;
}

// Whose signature a new root needs besides its own key's.
const SecretKey& previous_key(const Root& last, const PublishKeys& keys) {
  for (const SecretKey* key : {keys.root, keys.old_root}) {
    if (key != nullptr && key->public_key().text() == last.root_key) return *key;
  }
  throw usage("--root", "is not the key of root " + std::to_string(last.number),
              "a new root key is signed with the old one too: give that with --old-root");
}

SignedRoot signed_root(const Published* known, const Root& root, const PublishKeys& keys) {
  const std::string comment = "oko update root " + std::to_string(root.number);
  SignedRoot made;
  made.text = root_text(root);
  made.signature = sign(*keys.root, made.text, comment);
  if (known != nullptr) {
    made.previous = sign(previous_key(known->root, keys), made.text, comment);
  }
  return made;
}

}  // namespace

Published read_published(std::span<const std::byte> bytes, const std::string& name) {
  Published known;
  known.file = read_index_file(bytes, name);
  const Root first = read_root(known.file.roots.front().text, name + ": root.1.json");
  TrustedIndex trusted = trusted_index(known.file, PublicKey::read(first.root_key, name), name);
  known.root = std::move(trusted.root);
  known.index = std::move(trusted.index);
  return known;
}

void check_record(const Published* place, const Published& record, const std::string& name) {
  const char* hint = "restore it from the copy that was kept when it was published";
  if (place == nullptr) throw input_error(name, "is missing", hint);
  const auto differs = [&](const std::string& how) {
    return input_error(name, "is not what was published last: " + how, hint);
  };
  if (place->file.roots.size() < record.file.roots.size() ||
      !std::equal(record.file.roots.begin(), record.file.roots.end(), place->file.roots.begin())) {
    throw differs("it has other roots");
  }
  if (place->index.number < record.index.number) {
    throw differs("it has the number " + std::to_string(place->index.number) + ", not " +
                  std::to_string(record.index.number));
  }
  if (place->index.number == record.index.number && place->index != record.index) {
    throw differs("it has the same number and another content");
  }
}

Offer offer_of(std::span<const std::byte> bytes, const PublicKey& signer, const std::string& name) {
  const SealedModel sealed = read_sealed(Source(bytes), name);
  const Manifest manifest = verified_manifest(sealed, signer, name);
  check_payload(sealed, manifest, name);
  return {manifest.model, manifest.release, manifest.minimum_app, bytes.size(), blake2b_hex(bytes)};
}

std::vector<Offer> with_offers(const std::vector<Offer>& known, std::vector<Offer> added) {
  std::ranges::sort(added, {}, &Offer::release);  // in whatever order they are given

  std::map<std::string, std::map<std::uint64_t, Offer, std::greater<>>> models;
  for (const Offer& offer : known) models[offer.model].emplace(offer.release, offer);
  for (const Offer& offer : added) {
    auto& releases = models[offer.model];
    const bool is_known = releases.contains(offer.release) && releases.at(offer.release) == offer;
    if (!is_known && !releases.empty() && releases.begin()->first >= offer.release) {
      throw usage(offer.model,
                  "release " + std::to_string(offer.release) + " is not higher than release " +
                      std::to_string(releases.begin()->first) + ", which is published",
                  "apps that have seen that one refuse it: seal the model with a higher --release");
    }
    releases.emplace(offer.release, offer);
  }
  std::vector<Offer> offers;
  for (const auto& [model, releases] : models) {
    const Offer* last = nullptr;
    for (const auto& [release, offer] : releases) {
      // What every app may open leaves no app to lower releases.
      if (last != nullptr && last->minimum_app.empty()) break;
      const bool is_needed = last == nullptr || offer.minimum_app.empty() ||
                             is_older(offer.minimum_app, last->minimum_app);
      if (!is_needed) continue;
      offers.push_back(offer);
      last = &offer;
    }
  }
  return offers;
}

IndexFile next_index(const Published* known, std::vector<Offer> offers, std::int64_t created,
                     std::int64_t expires, const PublishKeys& keys) {
  start_sodium();
  if (known == nullptr && keys.root == nullptr) {
    throw usage("--root", "is needed to publish for the first time",
                "oko seal keygen FOLDER --only root makes one; apps trust its public key");
  }
  const Root root = wanted_root(known, created, keys);
  const bool is_new = known == nullptr || root != known->root;
  if (root.expires != 0 && root.expires <= created) {
    throw usage("--root",
                "root " + std::to_string(root.number) + " expired at " + utc_text(root.expires),
                "give --root, and --root-expires with a later day or \"never\"");
  }
  if (is_new && keys.root == nullptr) {
    throw usage("--root", "is needed to change what the root says");
  }
  if (root.index_key != keys.index->public_key().text()) {
    throw usage("--sign", "is not the key that root " + std::to_string(root.number) + " names",
                "give --root too to make it that one");
  }
  IndexFile file;
  if (known != nullptr) file.roots = known->file.roots;
  if (is_new) file.roots.push_back(signed_root(known, root, keys));
  Index index;
  index.number = known == nullptr ? 1 : known->index.number + 1;
  index.created = created;
  index.expires = expires;
  index.offers = std::move(offers);
  file.index = index_text(index);
  file.signature =
      sign(*keys.index, file.index, "oko update index " + std::to_string(index.number));
  // What apps would refuse must not be published.
  trusted_index(file, PublicKey::read(root.root_key, "the root key"), "the index");
  return file;
}

}  // namespace oko::seal
