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
#include "oko/seal/pack/pack.h"

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

// With its keys, which are read when it is made: before long work begins.
class Sealer {
 public:
  explicit Sealer(const SealArguments& a);

  // `network` is what the file contains, `format` the name of its format.
  std::vector<std::byte> seal(std::span<const std::byte> file, const graph::Network& network,
                              const std::string& format) const;
  std::size_t recipients() const { return recipients_.size(); }
  std::string signer() const { return signer_.public_key().text(); }

 private:
  seal::Release release_;
  std::vector<seal::Recipient> recipients_;
  seal::SecretKey signer_;
};

}  // namespace oko::cli
