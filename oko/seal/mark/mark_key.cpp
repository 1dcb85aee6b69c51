#include "oko/seal/mark/mark_key.h"

#include <sodium.h>

#include <cstring>

#include "oko/base/error.h"
#include "oko/seal/crypto.h"

namespace oko::seal {

constexpr std::string_view kComment = "# oko mark key: names the customers of leaked models\n";

std::string make_mark_key() {
  start_sodium();
  MarkKey key;
  randombytes_buf(key.data(), key.size());
  return std::string(kComment) + base64(key.span(), true) + "\n";
}

MarkKey read_mark_key(std::string_view text, const std::string& place) {
  start_sodium();
  while (text.starts_with('#') && text.find('\n') != text.npos) {
    text.remove_prefix(text.find('\n') + 1);
  }
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  auto bytes = from_base64(text, true);
  MarkKey key;
  const bool fits = bytes && bytes->size() == key.size();
  if (fits) std::memcpy(key.data(), bytes->data(), key.size());
  if (bytes) sodium_memzero(bytes->data(), bytes->size());
  if (!fits) {
    throw input_error(place, "is not a key for marks", "oko seal keygen makes one: mark.key");
  }
  return key;
}

}  // namespace oko::seal
