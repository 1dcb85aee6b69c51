#include "oko/storage/store.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>

#include "oko/storage/checksum.h"

namespace oko::storage {

std::string scheme(std::string_view uri) {
  const auto colon = uri.find("://");
  return colon == std::string_view::npos ? "file" : std::string(uri.substr(0, colon));
}

Bytes read(const std::string& uri) { return store_for(uri).read(uri); }
Bytes map(const std::string& uri) { return store_for(uri).map(uri); }
std::string read_text(const std::string& uri) { return std::string(read(uri).text()); }
void write(const std::string& uri, std::span<const std::byte> content) {
  store_for(uri).write(uri, content);
}
void write(const std::string& uri, std::string_view text) {
  write(uri, std::as_bytes(std::span(text.data(), text.size())));
}
void append(const std::string& uri, std::string_view text) {
  store_for(uri).append(uri, std::as_bytes(std::span(text.data(), text.size())));
}
std::optional<Entry> stat(const std::string& uri) { return store_for(uri).stat(uri); }
bool exists(const std::string& uri) { return stat(uri).has_value(); }
std::vector<Entry> list(const std::string& uri, bool recursive, std::vector<Skipped>* skipped) {
  return store_for(uri).list(uri, recursive, skipped);
}
void copy(const std::string& from, const std::string& to) {
  Store& store = store_for(from);
  if (&store == &store_for(to)) {
    store.copy(from, to);
    return;
  }
  const auto file = store_for(to).upload(to);
  store.read_to(from, 0, std::numeric_limits<std::uint64_t>::max(), {},
                [&](std::span<const std::byte> piece) { file->write(piece); });
  file->finish();
}
void remove(const std::string& uri) { store_for(uri).remove(uri); }

std::string join(std::string_view folder, std::string_view name) {
  if (folder.empty() || name.starts_with('/') || name.find("://") != std::string_view::npos) {
    return std::string(name);
  }
  std::string joined(folder);
  if (!joined.ends_with('/')) joined += '/';
  return joined.append(name);
}

std::string parent(std::string_view uri) {
  const auto slash = uri.find_last_of('/');
  if (slash == std::string_view::npos) return "";
  return std::string(uri.substr(0, slash == 0 ? 1 : slash));
}

std::string filename(std::string_view uri) {
  const auto slash = uri.find_last_of('/');
  return std::string(slash == std::string_view::npos ? uri : uri.substr(slash + 1));
}

std::string stem(std::string_view uri) {
  std::string name = filename(uri);
  const auto dot = name.find_last_of('.');
  if (dot != std::string::npos && dot != 0) name.resize(dot);
  return name;
}

std::string extension(std::string_view uri) {
  const std::string name = filename(uri);
  const auto dot = name.find_last_of('.');
  if (dot == std::string::npos || dot == 0) return "";
  std::string ending = name.substr(dot);
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending;
}

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
