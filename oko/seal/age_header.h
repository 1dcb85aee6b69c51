#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oko/seal/crypto.h"
#include "oko/seal/source.h"

// The header of an age file (age-encryption.org/v1): for each recipient a stanza that wraps the
// file's key, and a code that proves to who has the key that the header is as it was written.
namespace oko::seal {

struct Stanza {
  std::string type;                    // "X25519", "scrypt", "p256tag", …
  std::vector<std::string> arguments;  // visible ASCII
  std::vector<std::byte> body;
};

struct AgeHeader {
  std::vector<Stanza> stanzas;            // at least one
  std::vector<std::byte> protected_part;  // what the code is computed of
  std::vector<std::byte> code;            // 32 bytes, HMAC-SHA-256
  std::size_t size = 0;                   // bytes of the header; the payload follows
};

inline constexpr std::size_t kLongestAgeHeader = std::size_t{256} << 10;

// Reads the header at the start of `file`. Throws Refused (kDamaged) at "name@byte" for anything
// that the format does not allow, and for longer headers.
AgeHeader read_age_header(const Source& file, const std::string& name);

// The header of these stanzas, protected with the file's key. Throws a usage Error if it would be
// longer than read_age_header() takes.
std::string age_header(const std::vector<Stanza>& stanzas, const FileKey& key);

// What opens a stanza: the file's key, or nothing if it is another recipient's. Throws Refused if
// the stanza is of its kind but contradicts its format.
using Unwrap = std::function<std::optional<FileKey>(const Stanza& stanza)>;

// The file's key, from the first stanza that one of `keys` opens, once the header has been checked
// with it. Throws Refused: kNoKey if none does, kDamaged if the header was changed.
FileKey file_key_of(const AgeHeader& header, std::span<const Unwrap> keys, const std::string& name);

}  // namespace oko::seal
