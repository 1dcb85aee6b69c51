#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "oko/seal/age_header.h"

// age's passphrases: the file's key is wrapped with scrypt (RFC 7914) of the passphrase.
namespace oko::seal {

// Work, as the exponent of 2, that a new file takes (256 MiB, about a second) and that is accepted
// of a file (1 GiB).
inline constexpr int kScryptWork = 18, kMostScryptWork = 20;

Stanza wrap_with_passphrase(const FileKey& key, std::string_view passphrase,
                            int work = kScryptWork);
// See Unwrap.
std::optional<FileKey> unwrap_with_passphrase(const Stanza& stanza, std::string_view passphrase);

}  // namespace oko::seal
