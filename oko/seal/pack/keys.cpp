#include "oko/seal/pack/keys.h"

#include <sodium.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/seal/manifest.h"
#include "oko/seal/pack/armor.h"
#include "oko/seal/pack/p256tag.h"
#include "oko/seal/pack/scrypt.h"
#include "oko/seal/refused.h"
#include "oko/seal/x25519.h"

namespace oko::seal {
namespace {

constexpr std::string_view kAge = "age-encryption.org/";

// Calls `read` for each line that counts, with its place.
void for_lines(std::string_view text, const std::string& place,
               const std::function<void(std::string_view, const std::string&)>& read) {
  text = without_bom(text);
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    read(line, place + ":" + std::to_string(number));
  }
}

Recipient recipient_of(std::string_view line, const std::string& place) {
  if (const auto key = X25519Recipient::read(line)) {
    return {std::string(line), [key = *key](const FileKey& file) { return key.wrap(file); }};
  }
  if (const auto key = P256Recipient::read(line)) {
    return {std::string(line), [key = *key](const FileKey& file) { return key.wrap(file); }};
  }
  if (line.starts_with("ssh-")) {
    throw input_error(place, "is a key of SSH, which models are not sealed for",
                      "oko seal keygen makes one that they are");
  }
  // Nobody's secret belongs into a message.
  if (line.starts_with("AGE-")) {
    throw input_error(place, "is a secret key where a public one is wanted",
                      "age-keygen -y FILE prints its public key");
  }
  throw input_error(place, "is not a key that models can be sealed for",
                    "it starts with age1 or age1tag1; age1pq1 and plugins are not supported");
}

// An identity file that is encrypted with a passphrase.
std::string decrypted(std::string_view text, const std::string& place, const AskPassphrase& ask) {
  const auto file = is_armored(text)
                        ? read_armor(text, place)
                        : std::vector<std::byte>(bytes_of(text).begin(), bytes_of(text).end());
  const AgeHeader header = read_age_header(Source(file), place);
  const auto is_scrypt = [](const Stanza& stanza) { return stanza.type == "scrypt"; };
  if (std::ranges::none_of(header.stanzas, is_scrypt)) {
    throw input_error(place, "is encrypted for another key, not with a passphrase",
                      "open it with that key first: age -d -i KEY " + place);
  }
  std::string passphrase = ask(place);
  const Unwrap unwrap = [&](const Stanza& stanza) {
    return unwrap_with_passphrase(stanza, passphrase);
  };
  try {
    const Locked plain = decrypt_age(Source(file), std::span(&unwrap, 1), place);
    sodium_memzero(passphrase.data(), passphrase.size());
    return {reinterpret_cast<const char*>(plain.span().data()), plain.size()};
  } catch (const Refused& refused) {
    sodium_memzero(passphrase.data(), passphrase.size());
    if (refused.why() != Refusal::kNoKey) throw;
    throw input_error(place, "this is not the file's passphrase");
  }
}

std::vector<Unwrap> plain_identities(std::string_view text, const std::string& place) {
  std::vector<Unwrap> keys;
  for_lines(text, place, [&](std::string_view line, const std::string& at) {
    auto key = X25519Identity::read(line);
    if (!key && line.starts_with("AGE-PLUGIN-")) {
      throw input_error(at, "is a key of an age plugin, which oko does not run",
                        "use age itself for it: age -d -i FILE model.age");
    }
    if (!key && line.starts_with("AGE-SECRET-KEY-PQ-")) {
      throw input_error(at, "is a post-quantum key, which oko does not support",
                        "oko seal keygen makes one of the kind that it does");
    }
    if (!key) {
      throw input_error(at, "is not a secret key of age's",
                        "it starts with AGE-SECRET-KEY-1; oko seal keygen makes one");
    }
    const auto shared = std::make_shared<const X25519Identity>(*std::move(key));
    keys.push_back([shared](const Stanza& stanza) { return shared->unwrap(stanza); });
  });
  if (keys.empty()) throw input_error(place, "has no key");
  return keys;
}

}  // namespace

std::string fault_in_passphrase(std::string_view passphrase) {
  constexpr std::size_t kLongest = 1024;  // minisign's
  if (passphrase.empty()) return "is empty";
  if (passphrase.size() > kLongest) return "has more than 1024 bytes";
  for (const char c : passphrase) {
    if (c == '\n' || c == '\r' || c == '\0') return "has a line break or a zero byte in it";
  }
  return "";
}

std::vector<Recipient> read_recipients(std::string_view text, const std::string& place) {
  start_sodium();
  std::vector<Recipient> all;
  for_lines(text, place, [&](std::string_view line, const std::string& at) {
    all.push_back(recipient_of(line, at));
  });
  if (all.empty()) throw input_error(place, "has no key");
  return all;
}

std::vector<Unwrap> read_identities(std::string_view text, const std::string& place,
                                    const AskPassphrase& ask) {
  start_sodium();
  if (!is_armored(text) && !text.starts_with(kAge)) return plain_identities(text, place);
  std::string plain = decrypted(text, place, ask);
  std::vector<Unwrap> keys = plain_identities(plain, place);
  sodium_memzero(plain.data(), plain.size());
  return keys;
}

NewIdentity make_identity(const std::string* passphrase) {
  start_sodium();
  const X25519Identity identity = X25519Identity::make();
  NewIdentity made;
  made.recipient = identity.recipient().text();
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::string secret = identity.text();
  made.file =
      "# created: " + utc_text(now) + "\n# public key: " + made.recipient + "\n" + secret + "\n";
  sodium_memzero(secret.data(), secret.size());
  if (passphrase != nullptr) {
    const Wrap wrap = [&](const FileKey& key) { return wrap_with_passphrase(key, *passphrase); };
    std::string text = armor(encrypt_age(bytes_of(made.file), std::span(&wrap, 1)));
    sodium_memzero(made.file.data(), made.file.size());
    made.file = std::move(text);
  }
  return made;
}

SecretKey read_signing_key(std::string_view text, const std::string& place,
                           const AskPassphrase& ask) {
  start_sodium();
  if (!SecretKey::needs_passphrase(text)) return SecretKey::read(text, nullptr, place);
  std::string passphrase = ask(place);
  SecretKey key = SecretKey::read(text, &passphrase, place);
  sodium_memzero(passphrase.data(), passphrase.size());
  return key;
}

}  // namespace oko::seal
