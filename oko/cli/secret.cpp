#include "oko/cli/secret.h"

#include <sodium.h>

#include <cstdlib>

#include "oko/base/command.h"
#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/cli/standard_streams.h"
#include "oko/storage/private_file.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

constexpr std::string_view kEnvironment = "env:", kCommand = "command:";
constexpr std::size_t kLongest = std::size_t{1} << 20;

std::string of_environment(const std::string& name, const std::string& source) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') {
    throw Error(ErrorCode::kUsage, source, "the variable is not set");
  }
  return value;
}

std::string of_command(const std::string& words, const std::string& source) {
  std::string text;
  Command command{{"sh", "-c", words}};
  command.terminal = true;  // a password manager may ask for its own
  command.output = [&](std::string_view part) {
    if (text.size() + part.size() > kLongest) throw input_error(source, "prints more than a key");
    text += part;
  };
  const CommandResult result = run_command(command);
  if (result.code != 0) {
    throw input_error(source, "ended with the exit code " + std::to_string(result.code));
  }
  return text;
}

std::string asked(const std::string& question) {
  const auto answer = ask_secret(question);
  if (!answer) {
    throw Error(ErrorCode::kUsage, "--passphrase", "is needed where there is no terminal to ask on",
                std::string("give it by ") + kSecretHelp);
  }
  return *answer;
}

std::string without_line_break(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace

Secret::Secret(std::string text_, std::string place_)
    : text(std::move(text_)), place(std::move(place_)) {}

Secret::~Secret() { sodium_memzero(text.data(), text.size()); }

Secret read_secret(const std::string& source) {
  // Nobody's secret belongs into a message, or on a command line, which other users can see.
  for (const char* start : {"AGE-", "untrusted comment:", "\n"}) {
    if (source.find(start) != std::string::npos) {
      throw Error(ErrorCode::kUsage, "", "a key is given where its source is wanted",
                  std::string("name ") + kSecretHelp);
    }
  }
  if (source.starts_with(kEnvironment)) {
    return {of_environment(source.substr(kEnvironment.size()), source), source};
  }
  if (source.starts_with(kCommand)) {
    return {of_command(source.substr(kCommand.size()), source), source};
  }
  return {storage::read_private_file(source), source};
}

seal::AskPassphrase passphrase_from(const std::string& source) {
  return [source](const std::string& place) {
    if (source.empty()) return asked("passphrase of " + place + ": ");
    const bool is_file = !source.starts_with(kEnvironment) && !source.starts_with(kCommand);
    if (is_file && !storage::exists(source)) {  // it may be the passphrase itself
      throw Error(ErrorCode::kUsage, "--passphrase", "there is no file of the given name",
                  std::string("name ") + kSecretHelp);
    }
    return without_line_break(std::string(without_bom(read_secret(source).text)));
  };
}

std::string new_passphrase(const std::string& source, const std::string& place) {
  std::string passphrase = passphrase_from(source)(place);
  if (const std::string fault = seal::fault_in_passphrase(passphrase); !fault.empty()) {
    throw Error(ErrorCode::kUsage, "--passphrase", "it " + fault);
  }
  if (source.empty() && asked("the same again: ") != passphrase) {
    throw Error(ErrorCode::kUsage, "--passphrase", "the two are not the same");
  }
  return passphrase;
}

// What is a key is never taken for the name of a file that somebody may have put there.
static bool is_public_key(const std::string& text) {
  try {
    if (text.starts_with("age1")) return !seal::read_recipients(text, "").empty();
    if (text.starts_with("RW")) return !seal::PublicKey::read(text, "").text().empty();
  } catch (const Error&) {
  }
  return false;
}

PublicText read_public(const std::string& key_or_file) {
  if (is_public_key(key_or_file)) return {key_or_file, key_or_file};
  for (const char* start : {"AGE-", "untrusted comment: oko signing"}) {
    if (key_or_file.starts_with(start)) {
      throw Error(ErrorCode::kUsage, "", "is a secret key where a public one is wanted",
                  "age-keygen -y FILE prints the public key of a secret one");
    }
  }
  const bool is_key = key_or_file.starts_with("age1") || key_or_file.starts_with("RW") ||
                      key_or_file.starts_with("ssh-");
  // Then the error says what is wrong with it.
  if (is_key && !storage::exists(key_or_file)) return {key_or_file, key_or_file};
  return {storage::read_text(key_or_file), key_or_file};
}

}  // namespace oko::cli
