#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "oko/seal/manifest.h"
#include "oko/seal/pack/signing_key.h"
#include "oko/seal/update_index.h"

// Making the index that apps find updates by (oko/seal/update_index.h).
namespace oko::seal {

// An index that is published.
struct Published {
  IndexFile file;
  Root root;  // the last one
  Index index;
};
// Checks its signatures from its own first root on: a publisher knows its own files. Throws
// Refused.
Published read_published(std::span<const std::byte> bytes, const std::string& name);

// Throws an input Error if `place` has something else than what was published last, which `record`
// is a copy of, or something newer: whoever can write to the server must not have an old index
// signed again, nor one that continues roots of another publisher's.
void check_record(const Published* place, const Published& record, const std::string& name);

// The offer of a sealed file. Throws Refused if it is damaged, or not signed by `signer`.
Offer offer_of(std::span<const std::byte> sealed, const PublicKey& signer, const std::string& name);

// `known` with these offers: of each model the highest release, and those below it that a version
// of the app needs because it is too old for all higher ones. Throws a usage Error for a release
// that is not higher than what is known, unless it is the same file.
std::vector<Offer> with_offers(const std::vector<Offer>& known, std::vector<Offer> added);

// The keys that sign the next index.
struct PublishKeys {
  const SecretKey* index = nullptr;
  // Needed for the first root, and for one with another key: `root` is that of the new root,
  // `old_root` that of the last one if it is another.
  const SecretKey* root = nullptr;
  const SecretKey* old_root = nullptr;
  std::optional<std::int64_t> root_expires;  // of the root; 0: never
};

// The index file that follows `known` (null: the first one). A new root is made if `keys` has a
// root key and something of it changes. Throws a usage Error for keys that apps would not accept.
IndexFile next_index(const Published* known, std::vector<Offer> offers, std::int64_t created,
                     std::int64_t expires, const PublishKeys& keys);

}  // namespace oko::seal
