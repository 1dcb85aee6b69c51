#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oko/seal/minisign.h"

// What an app that fetches its models from a server trusts (docs/updates.md is the specification):
// an index of the releases there are, signed by a key that a root names, which is signed by a key
// that the app has. Each has a number that only grows, and an index a last day, so that a server
// can neither put something else in place of a model, nor give an old one, nor hide that there is a
// new one for long. These are the ideas of The Update Framework (theupdateframework.io), no more of
// them than one kind of file and one publisher need.
namespace oko::seal {

inline constexpr std::string_view kIndexFileName = "models.oko.index";

// Which keys count. Each root is signed by its own key, and by that of the root before it.
struct Root {
  std::uint64_t number = 1;               // from 1, without gaps
  std::int64_t created = 0, expires = 0;  // seconds since 1970; 0: never
  std::string root_key, index_key;        // minisign's: "RW…"

  bool operator==(const Root&) const = default;
};

// A sealed model that may be fetched.
struct Offer {
  std::string model;
  std::uint64_t release = 0;
  std::string minimum_app;  // as in its manifest
  std::uint64_t size = 0;   // bytes of the sealed file
  std::string hash;         // of it: BLAKE2b of 256 bits, in hexadecimal digits

  bool operator==(const Offer&) const = default;
};

// Its name, in the folder of the index: "cards-7.oko.sealed".
std::string file_name_of(const Offer& offer);

struct Index {
  std::uint64_t number = 1;               // one more than the last one's
  std::int64_t created = 0, expires = 0;  // seconds since 1970
  std::vector<Offer> offers;              // sorted by model, then by release, the highest first

  bool operator==(const Index&) const = default;
};

// Texts as they are signed (fields.h). Reading throws Refused (kDamaged).
std::string root_text(const Root& root);
Root read_root(std::string_view text, const std::string& name);
std::string index_text(const Index& index);
Index read_index(std::string_view text, const std::string& name);

struct SignedRoot {
  std::string text, signature;
  std::string previous;  // signature by the key of the root before it; empty for the first

  bool operator==(const SignedRoot&) const = default;
};

// The file: all roots from the first on, and the index.
struct IndexFile {
  std::vector<SignedRoot> roots;
  std::string index, signature;
};

// Throws Refused (kDamaged) for a file that index_file() would not write, or of more than 16 MiB.
IndexFile read_index_file(std::span<const std::byte> file, const std::string& name);
std::vector<std::byte> index_file(const IndexFile& file);

struct TrustedIndex {
  Root root;  // the last one
  Index index;
  std::uint64_t first = 1;  // number of the root with the key that the app trusts
};

// Once every signature is checked, from the first root with the key that the app trusts on. Throws
// Refused (kSigner, kDamaged).
TrustedIndex trusted_index(const IndexFile& file, const PublicKey& trusted,
                           const std::string& name);

// Throws Refused (kSigner) unless the roots of `known` and `next` are the same from number `first`
// on, before which nothing is signed for this app: whoever has an old root key cannot lead an app
// that has seen its successor elsewhere.
void check_continues(const IndexFile& known, const IndexFile& next, std::uint64_t first,
                     const std::string& name);

// What the app has seen, and when it looks. Numbers of indexes count for one index key only: a new
// root that names another key takes from a thief what he signed with the old one.
struct Seen {
  std::uint64_t root = 0, index = 0;
  std::int64_t now = 0;
};

// Throws Refused: kOldRelease for lower numbers, kExpired.
void check_current(const TrustedIndex& trusted, const Seen& seen, const std::string& name);

// The highest release of the model that an app of this version (empty: any) may open. Throws
// Refused: kOtherModel if there is none, kOldApp if all need a newer app.
const Offer& offer_of(const Index& index, const std::string& model, const std::string& app_version,
                      const std::string& name);

}  // namespace oko::seal
