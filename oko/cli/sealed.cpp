#include "oko/cli/sealed.h"

#include "oko/base/error.h"
#include "oko/cli/seal_arguments.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

// The public half of the signing key, where oko seal keygen put it.
std::string signer_beside(const std::string& key) {
  const std::string file = storage::join(storage::parent(key), "signing.pub");
  if (key.find(':') != key.npos || !storage::exists(file)) {
    throw Error(ErrorCode::kUsage, "--signer", "is needed to open a sealed model",
                "give the public key that it must be signed with, or its file");
  }
  return file;
}

}  // namespace

void add_key_arguments(CLI::App& command, KeyArguments& keys) {
  command
      .add_option("--key", keys.key, std::string("Secret key of a sealed model: ") + kSecretHelp)
      ->type_name("SOURCE");
  command
      .add_option("--signer", keys.signer,
                  "Public key that a sealed model must be signed with, or its file (default: "
                  "signing.pub beside --key)")
      ->type_name("KEY");
  add_passphrase(command, keys.passphrase);
}

seal::PublicKey signer_of(const std::string& key) {
  const PublicText given = read_public(key);
  return seal::PublicKey::read(given.text, given.place);
}

std::vector<seal::Unwrap> identities(const KeyArguments& keys) {
  const Secret secret = read_secret(keys.key);
  return seal::read_identities(secret.text, secret.place, passphrase_from(keys.passphrase));
}

convert::Unseal unseal_with(const KeyArguments& keys) {
  return [keys](const formats::File& file) {
    if (keys.key.empty()) {
      throw Error(ErrorCode::kUsage, file.name, "is a sealed model", "give its key with --key");
    }
    const seal::SealedModel sealed = seal::read_sealed(seal::Source(file.bytes.span()), file.name);
    const std::string signer = keys.signer.empty() ? signer_beside(keys.key) : keys.signer;
    const seal::Manifest manifest = seal::verified_manifest(sealed, signer_of(signer), file.name);
    seal::Demands demands;
    demands.now = now();
    seal::check_demands(manifest, demands, file.name);
    if (manifest.content != "oko") {
      throw input_error(file.name, "the model inside is not an .oko file but " + manifest.content,
                        "oko seal open writes it to a file");
    }
    return Locked::share(seal::open_sealed(sealed, manifest, identities(keys), file.name));
  };
}

}  // namespace oko::cli
