#include "oko/storage/store.h"

#include <openssl/evp.h>

#include <array>

#include "oko/storage/checksum.h"

namespace oko::storage {

Bytes read(const Uri& uri, const std::string& version) { return store_for(uri).read(uri, version); }
Bytes read_range(const Uri& uri, std::uint64_t offset, std::uint64_t count,
                 const std::string& version) {
  return store_for(uri).read_range(uri, offset, count, version);
}
void read_to(const Uri& uri, std::uint64_t offset, std::uint64_t count, const std::string& version,
             const Sink& sink) {
  store_for(uri).read_to(uri, offset, count, version, sink);
}
Bytes map(const Uri& uri) { return store_for(uri).map(uri); }
std::string read_text(const Uri& uri) { return std::string(read(uri).text()); }
Entry write(const Uri& uri, std::span<const std::byte> content) {
  return store_for(uri).write(uri, content);
}
Entry write(const Uri& uri, std::string_view text) {
  return write(uri, std::as_bytes(std::span(text.data(), text.size())));
}
std::unique_ptr<Upload> upload(const Uri& uri, const Precondition& precondition) {
  return store_for(uri).upload(uri, precondition);
}
void append(const Uri& uri, std::string_view text) {
  store_for(uri).append(uri, std::as_bytes(std::span(text.data(), text.size())));
}
std::optional<Entry> stat(const Uri& uri) { return store_for(uri).stat(uri); }
bool exists(const Uri& uri) { return stat(uri).has_value(); }
std::vector<Entry> list(const Uri& uri, bool recursive, std::vector<Skipped>* skipped) {
  return store_for(uri).list(uri, recursive, skipped);
}
void copy(const Uri& from, const Uri& to) {
  if (from.scheme() == to.scheme()) {
    store_for(from).copy(from, to);
    return;
  }
  const auto file = upload(to);
  read_to(from, 0, kToTheEnd, {}, [&](std::span<const std::byte> piece) { file->write(piece); });
  file->finish();
}
void remove(const Uri& uri) { store_for(uri).remove(uri); }

std::string sha256(std::span<const std::byte> content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(content.data(), content.size(), digest.data(), &size, EVP_sha256(), nullptr) !=
      1) {
    throw Error(ErrorCode::kFailed, "", "SHA-256 is not available from OpenSSL");
  }
  return hex(std::as_bytes(std::span(digest).first(size)));
}

}  // namespace oko::storage
