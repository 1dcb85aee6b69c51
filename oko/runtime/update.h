#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "oko/runtime/releases.h"
#include "oko/seal/update_index.h"

namespace oko::runtime {

struct UpdateOptions {
  // Where the app keeps what it fetched: FOLDER/cards.oko.sealed, and the last index it accepted.
  std::string folder;
  std::string app_version;  // empty: every release is for it
  std::int64_t now = 0;     // seconds since 1970
  // What models must be signed with; nothing: whoever signs the index answers for them.
  std::optional<seal::PublicKey> signer{};
};

// An index of updates that was checked (oko/seal/update_index.h), and the models it leads to. Names
// of models are checked before they become part of a path. Several processes and threads may use
// one folder.
class Update {
 public:
  // Throws seal::Refused if it is not to be trusted, older than what the app has seen, or expired;
  // what is in the folder then stays. Otherwise the app has seen it: it replaces the one in the
  // folder.
  Update(std::span<const std::byte> index, const seal::PublicKey& root,
         const UpdateOptions& options, const Releases& releases);

  // The ids of all models, sorted.
  std::vector<std::string> models() const;
  // The release that this app may have. Throws seal::Refused.
  const seal::Offer& offer(const std::string& model) const;
  // Where it is, or will be.
  std::string path(const std::string& model) const;
  // The release in that file, 0 if there is none, it cannot be read, its signature is not the
  // signer's, or it is not the file that the index has under its release.
  std::uint64_t installed(const std::string& model) const;

  // Puts the file that was fetched in place of the model's: whole or not at all, even if the
  // process is killed. Throws seal::Refused (kDamaged) unless it is what the index says,
  // kOldRelease if a higher release is installed.
  void install(const std::string& model, const std::string& fetched) const;

 private:
  UpdateOptions options_;
  seal::Index index_;
};

}  // namespace oko::runtime
