#pragma once

#include <string>

#include "oko/seal/pack/keys.h"

// Where keys and passphrases come from. One text says it everywhere: the name of a file that only
// its owner may read, env:NAME for a variable of the environment, or command:WORDS for what a
// program prints, such as a password manager.
namespace oko::cli {

inline constexpr const char* kSecretHelp = "a file, env:NAME or command:PROGRAM";

struct Secret {
  Secret(std::string text_, std::string place_);
  Secret(Secret&&) noexcept = default;
  ~Secret();  // overwrites the text

  std::string text, place;
};

// Throws a usage Error if the variable is not set or empty, an input Error if the program fails.
Secret read_secret(const std::string& source);

// Asks by read_secret(source), whose last line break does not count; where `source` is empty, on
// the terminal. Throws a usage Error if there is none.
seal::AskPassphrase passphrase_from(const std::string& source);

// A new one, which a terminal asks for twice. Throws a usage Error if it is empty.
std::string new_passphrase(const std::string& source, const std::string& place);

// A public key, which is not a secret: the key itself, or the name of a file or bucket's object.
struct PublicText {
  std::string text, place;
};
PublicText read_public(const std::string& key_or_file);

}  // namespace oko::cli
