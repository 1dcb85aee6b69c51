#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "oko/base/locked.h"
#include "oko/seal/crypto.h"
#include "oko/seal/source.h"

// What follows an age file's header: a nonce and the content, encrypted in chunks of 64 KiB, each
// authenticated together with its number and whether it is the last.
namespace oko::seal {

// Decrypts all of `payload`. The content is given out only if every chunk to the last is as it was
// written. Throws Refused (kDamaged) at "name@byte" otherwise; bytes are counted from `offset`,
// where the payload starts in the file.
Locked decrypt_payload(const Source& payload, const FileKey& key, const std::string& name,
                       std::size_t offset);

// Appends the encrypted content to `to`.
void encrypt_payload(std::span<const std::byte> content, const FileKey& key,
                     std::vector<std::byte>& to);

// Bytes of the payload of a content of this size.
std::size_t payload_size(std::size_t content);

}  // namespace oko::seal
