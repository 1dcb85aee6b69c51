#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "oko/cli/secret.h"
#include "oko/convert/model_files.h"
#include "oko/seal/sealed_model.h"

namespace oko::cli {

// The arguments that open a sealed model.
struct KeyArguments {
  std::string key;         // a secret, see secret.h
  std::string signer;      // a public key
  std::string passphrase;  // of the key
};

// Adds --key, --signer and --passphrase.
void add_key_arguments(CLI::App& command, KeyArguments& keys);

// Opens sealed models in memory. Without --signer, the key beside --key is taken, as oko seal
// keygen writes them. Throws a usage Error, when a model is opened, for a key that is missing.
convert::Unseal unseal_with(const KeyArguments& keys);

seal::PublicKey signer_of(const std::string& key);
std::vector<seal::Unwrap> identities(const KeyArguments& keys);

}  // namespace oko::cli
