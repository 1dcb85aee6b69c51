#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "oko/graph/network.h"
#include "oko/seal/manifest.h"
#include "oko/seal/pack/keys.h"
#include "oko/seal/sealed_model.h"

namespace oko::seal {

// What of a manifest does not come from the model itself.
struct Release {
  std::string model;
  std::uint64_t release = 1;
  std::string minimum_app;
  std::int64_t created = 0, expires = 0;
  std::string customer;
};

// The sealed file of a model's file: `network` is what it contains, `format` the name of its
// format. Throws Refused if `release` or the network's names cannot be in a manifest.
std::vector<std::byte> pack(std::span<const std::byte> file, const graph::Network& network,
                            const std::string& format, const Release& release,
                            std::span<const Recipient> recipients, const SecretKey& signer);

// The same model for other recipients, under a new key and signature.
std::vector<std::byte> repack(const Manifest& manifest, std::span<const std::byte> model,
                              std::span<const Recipient> recipients, const SecretKey& signer);

}  // namespace oko::seal
