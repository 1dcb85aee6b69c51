#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "oko/cli/input_files.h"
#include "oko/graph/network.h"
#include "oko/seal/pack/keys.h"

// Arguments that several commands of `oko seal` take.
namespace oko::cli {

// Seconds since 1970.
std::int64_t now();

// From when on something is not accepted any more: "2027-06-30", that day is the last; a time in
// UTC; "90d", from now on. Throws a usage Error at `flag`, also for what is over.
std::int64_t expiry_of(const std::string& text, const char* flag = "--expires");

// Keys are not overwritten either. What is not a file's name is missing, and ignored.
void add_keys(InputFiles& files, const std::vector<std::string>& keys);

// The secret key of `source` (secret.h), whose passphrase comes from `passphrase`.
seal::SecretKey signing_key(const std::string& source, const std::string& passphrase);

// The keys, and those in files, of `keys`. Throws a usage Error for one that is given twice.
std::vector<seal::Recipient> recipients_of(const std::vector<std::string>& keys);

// Throw a usage Error.
void check_id(const std::string& id);
void check_app(const char* flag, const std::string& version);

CLI::Range release_range(std::uint64_t low);

void add_passphrase(CLI::App& command, std::string& passphrase);
CLI::Option* add_sign(CLI::App& command, std::string& sign);
CLI::Option* add_recipients(CLI::App& command, std::vector<std::string>& keys, const char* flag,
                            const char* help);
CLI::Option* add_expires(CLI::App& command, std::string& expires);

inline constexpr const char* kSealedSuffix = ".sealed";

// How a model's file is sealed.
struct SealArguments {
  std::vector<std::string> to;
  std::string id, sign, passphrase, expires, minimum_app, customer;
  std::uint64_t release = 0;
};

// The options that it cannot do without, and the others.
struct SealFlags {
  std::vector<CLI::Option*> needed, others;
};
// All but the passphrase. `flag` takes the recipients.
SealFlags add_seal_arguments(CLI::App& command, SealArguments& a, const char* flag,
                             const char* help);

// Throws a usage Error before long work begins.
void check(const SealArguments& a);
void add_keys(InputFiles& files, const SealArguments& a);

struct Sealed {
  std::vector<std::byte> file;
  std::size_t recipients = 0;
  std::string signer;  // the public key
};
// `network` is what the file contains, `format` the name of its format.
Sealed seal_file(std::span<const std::byte> file, const graph::Network& network,
                 const std::string& format, const SealArguments& a);

}  // namespace oko::cli
