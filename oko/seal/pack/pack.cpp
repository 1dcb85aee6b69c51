#include "oko/seal/pack/pack.h"

#include "oko/graph/network_json.h"

namespace oko::seal {

std::vector<std::byte> repack(const Manifest& given, std::span<const std::byte> model,
                              std::span<const Recipient> recipients, const SecretKey& signer) {
  std::vector<Wrap> wraps;
  for (const Recipient& recipient : recipients) wraps.push_back(recipient.wrap);
  const std::vector<std::byte> payload = encrypt_age(model, wraps);
  Manifest manifest = given;
  manifest.size = model.size();
  manifest.hash = blake2b_hex(model);
  manifest.sealed_size = payload.size();
  manifest.sealed_hash = blake2b_hex(payload);
  const std::string text = manifest_text(manifest);
  read_manifest(text, "the manifest");  // what a phone would refuse must not be sealed
  const std::string comment =
      "oko model " + manifest.model + " release " + std::to_string(manifest.release);
  return sealed_file(text, signer.sign(bytes_of(text), comment), payload);
}

std::vector<std::byte> pack(std::span<const std::byte> file, const graph::Network& network,
                            const std::string& format, const Release& release,
                            std::span<const Recipient> recipients, const SecretKey& signer) {
  start_sodium();
  const Json json = graph::network_to_json(network);
  Manifest manifest;
  manifest.content = format;
  manifest.model = release.model;
  manifest.release = release.release;
  manifest.minimum_app = release.minimum_app;
  manifest.created = release.created;
  manifest.expires = release.expires;
  manifest.customer = release.customer;
  manifest.classes = network.classes;
  manifest.input = json.at("input");
  manifest.preprocess = json.at("preprocess");
  return repack(manifest, file, recipients, signer);
}

}  // namespace oko::seal
