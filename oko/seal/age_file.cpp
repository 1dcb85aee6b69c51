#include "oko/seal/age_file.h"

#include <sodium.h>

#include <cassert>

namespace oko::seal {

Locked decrypt_age(const Source& file, std::span<const Unwrap> keys, const std::string& name) {
  start_sodium();
  const AgeHeader header = read_age_header(file, name);
  const FileKey key = file_key_of(header, keys, name);
  return decrypt_payload(file.part(header.size, file.size() - header.size), key, name, header.size);
}

std::vector<std::byte> encrypt_age(std::span<const std::byte> content,
                                   std::span<const Wrap> recipients) {
  assert(!recipients.empty());
  start_sodium();
  FileKey key;
  randombytes_buf(key.data(), key.size());
  std::vector<Stanza> stanzas;
  for (const Wrap& wrap : recipients) stanzas.push_back(wrap(key));
  const std::string header = age_header(stanzas, key);
  const auto bytes = bytes_of(header);
  std::vector<std::byte> file;
  file.reserve(bytes.size() + payload_size(content.size()));
  file.assign(bytes.begin(), bytes.end());
  encrypt_payload(content, key, file);
  return file;
}

}  // namespace oko::seal
