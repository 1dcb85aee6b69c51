#include "oko/cli/seal_arguments.h"

#include <chrono>
#include <set>

#include "oko/base/error.h"
#include "oko/cli/secret.h"
#include "oko/jobs/duration.h"
#include "oko/run/output.h"
#include "oko/seal/fields.h"

namespace oko::cli {

std::int64_t now() {
  return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
}

std::int64_t expiry_of(const std::string& text, const char* flag) {
  constexpr std::int64_t kDay = 86400;
  std::int64_t expires = 0;
  if (const auto day = seal::utc_seconds(text + "T00:00:00Z")) {
    expires = *day + kDay;
  } else if (const auto time = seal::utc_seconds(text)) {
    expires = *time;
  } else {
    try {
      expires = now() + static_cast<std::int64_t>(jobs::parse_hours(text, flag) * 3600);
    } catch (const Error&) {
      throw Error(ErrorCode::kUsage, flag, "\"" + text + "\" is neither a day nor a time",
                  "write 2027-06-30 or 180d");
    }
  }
  if (expires <= now()) throw Error(ErrorCode::kUsage, flag, text + " is over already");
  if (!seal::utc_seconds(seal::utc_text(expires))) {
    throw Error(ErrorCode::kUsage, flag, text + " is after the year 9999");
  }
  return expires;
}

void add_keys(InputFiles& files, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) files.add(key);
}

std::vector<seal::Recipient> recipients_of(const std::vector<std::string>& keys) {
  std::vector<seal::Recipient> all;
  std::set<std::string> seen;
  for (const std::string& key : keys) {
    const PublicText given = read_public(key);
    for (seal::Recipient& one : seal::read_recipients(given.text, given.place)) {
      if (!seen.insert(one.text).second) {
        throw Error(ErrorCode::kUsage, given.place, "is given twice", "omit one of them");
      }
      all.push_back(std::move(one));
    }
  }
  return all;
}

seal::SecretKey signing_key(const std::string& source, const std::string& passphrase) {
  const Secret secret = read_secret(source);
  return seal::read_signing_key(secret.text, secret.place, passphrase_from(passphrase));
}

void check_id(const std::string& id) {
  if (const std::string fault = seal::fault_in_model_id(id); !fault.empty()) {
    throw Error(ErrorCode::kUsage, "--id", "\"" + id + "\" " + fault);
  }
}

void check_app(const char* flag, const std::string& version) {
  if (!version.empty() && !seal::is_app_version(version)) {
    throw Error(ErrorCode::kUsage, flag, "\"" + version + "\" is not a version",
                "write one to four numbers: 2.4.1");
  }
}

CLI::Range release_range(std::uint64_t low) { return {low, (std::uint64_t{1} << 53) - 1}; }

void add_passphrase(CLI::App& command, std::string& passphrase) {
  command
      .add_option("--passphrase", passphrase,
                  std::string("Passphrase of a protected key: ") + kSecretHelp +
                      "; asked on the terminal if it is missing")
      ->type_name("SOURCE");
}

CLI::Option* add_sign(CLI::App& command, std::string& sign) {
  return command
      .add_option("--sign", sign, std::string("Secret key that signs it: ") + kSecretHelp)
      ->type_name("SOURCE");
}

CLI::Option* add_recipients(CLI::App& command, std::vector<std::string>& keys, const char* flag,
                            const char* help) {
  return command.add_option(flag, keys, help)->type_name("KEY");
}

CLI::Option* add_expires(CLI::App& command, std::string& expires) {
  return command
      .add_option("--expires", expires,
                  "Last day on which apps open it (UTC), or how long from now")
      ->type_name("DAY");
}

SealFlags add_seal_arguments(CLI::App& command, SealArguments& a, const char* flag,
                             const char* help) {
  SealFlags flags;
  flags.needed.push_back(add_recipients(command, a.to, flag, help));
  flags.needed.push_back(
      command.add_option("--id", a.id, "Name by which the app knows the model")->type_name("NAME"));
  flags.needed.push_back(
      command
          .add_option("--release", a.release, "Number of this release, higher than the last one's")
          ->check(release_range(1))
          ->type_name("N"));
  flags.needed.push_back(add_sign(command, a.sign));
  flags.others.push_back(add_expires(command, a.expires));
  flags.others.push_back(
      command.add_option("--minimum-app", a.minimum_app, "Lowest version of the app that opens it")
          ->type_name("VERSION"));
  flags.others.push_back(
      command.add_option("--customer", a.customer, "Whose copy it is, stored in the manifest")
          ->type_name("NAME"));
  return flags;
}

void check(const SealArguments& a) {
  const auto demand = [](const char* flag, bool is_given) {
    if (!is_given) throw Error(ErrorCode::kUsage, flag, "is needed to seal a model");
  };
  demand("--id", !a.id.empty());
  demand("--release", a.release != 0);
  demand("--sign", !a.sign.empty());
  check_id(a.id);
  check_app("--minimum-app", a.minimum_app);
  if (!run::is_utf8(a.customer)) throw Error(ErrorCode::kUsage, "--customer", "is not UTF-8");
  if (!a.expires.empty()) expiry_of(a.expires);
}

void add_keys(InputFiles& files, const SealArguments& a) {
  add_keys(files, a.to);
  add_keys(files, {a.sign, a.passphrase});
}

Sealer::Sealer(const SealArguments& a)
    : recipients_(recipients_of(a.to)), signer_(signing_key(a.sign, a.passphrase)) {
  release_.model = a.id;
  release_.release = a.release;
  release_.minimum_app = a.minimum_app;
  release_.created = now();
  if (!a.expires.empty()) release_.expires = expiry_of(a.expires);
  release_.customer = a.customer;
}

std::vector<std::byte> Sealer::seal(std::span<const std::byte> file, const graph::Network& network,
                                    const std::string& format) const {
  return seal::pack(file, network, format, release_, recipients_, signer_);
}

}  // namespace oko::cli
