#pragma once

#include <span>
#include <string>
#include <vector>

#include "oko/seal/age_header.h"
#include "oko/seal/age_payload.h"

namespace oko::seal {

// The content of an age file (age-encryption.org/v1, not armored). Throws Refused (kDamaged,
// kNoKey); then nothing of the content has been given out.
Locked decrypt_age(const Source& file, std::span<const Unwrap> keys, const std::string& name);

// What makes one recipient's stanza.
using Wrap = std::function<Stanza(const FileKey& key)>;

// The age file of this content for `recipients`, of which there must be one, under a new key.
std::vector<std::byte> encrypt_age(std::span<const std::byte> content,
                                   std::span<const Wrap> recipients);

}  // namespace oko::seal
