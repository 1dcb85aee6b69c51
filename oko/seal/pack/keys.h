#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/seal/age_file.h"
#include "oko/seal/pack/signing_key.h"

// Keys as texts: what age's and minisign's files contain.
namespace oko::seal {

// For whom a model is sealed.
struct Recipient {
  std::string text;  // "age1…"
  Wrap wrap;
};

// One "age1…" or "age1tag1…", or the text of a file with one a line; lines that are empty or start
// with '#' do not count. Throws an input Error at "place:line".
std::vector<Recipient> read_recipients(std::string_view text, const std::string& place);

// Why this cannot protect a new key ("is empty"), or "": what age and minisign could not be given.
std::string fault_in_passphrase(std::string_view passphrase);

// Asks for a passphrase; `place` says of what.
using AskPassphrase = std::function<std::string(const std::string& place)>;

// The secret keys of an age identity file: a line "AGE-SECRET-KEY-1…" each, comments as above. The
// file may itself be encrypted with a passphrase, as `age -p` does. Throws an input Error at
// "place:line".
std::vector<Unwrap> read_identities(std::string_view text, const std::string& place,
                                    const AskPassphrase& ask);

// The identity file of a new key, and its recipient. Encrypted and armored if there is a
// passphrase.
struct NewIdentity {
  std::string file, recipient;
};
NewIdentity make_identity(const std::string* passphrase);

// The signing key of a file, asking for its passphrase if it needs one.
SecretKey read_signing_key(std::string_view text, const std::string& place,
                           const AskPassphrase& ask);

}  // namespace oko::seal
