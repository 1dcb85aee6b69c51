// needs: seal_pack
// The first byte says what the others are: an age file, an armored one, or keys.
// Everything is refused, or means what was written.

#include <cstdlib>
#include <string>

#include "oko/base/error.h"
#include "oko/seal/bech32.h"
#include "oko/seal/pack/armor.h"
#include "oko/seal/pack/keys.h"

namespace {

using namespace oko::seal;

std::string no_passphrase(const std::string& place) {
  throw oko::input_error(place, "it would take a second each");
}

// Opens files for the keys in corpus/age.
void open(std::span<const std::byte> file) {
  static const std::vector<Unwrap> keys =
      read_identities("AGE-SECRET-KEY-1KCEGVW53GZS3960MDNTNW7M0LR3JZDQYPJJY885R6TYLRY74KF5S33RKUA",
                      "keys", no_passphrase);
  decrypt_age(Source(file), keys, "file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (const auto key = read_bech32(text)) {
    const auto again = read_bech32(bech32(key->prefix, key->data));
    if (!again || again->data != key->data) std::abort();
  }
  try {
    switch (data[0]) {
      case 'f':
        open(bytes_of(text));
        break;
      case 'a': {
        const auto file = read_armor(text, "file");
        if (read_armor(armor(file), "again") != file) std::abort();
        open(file);
        break;
      }
      case 'r':
        read_recipients(text, "keys");
        break;
      default:
        read_identities(text, "keys", no_passphrase);
    }
  } catch (const oko::Error&) {
  }
  return 0;
}
