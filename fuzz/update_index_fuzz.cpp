// needs: seal_pack
// An index of updates: what is accepted is exactly what index_file() writes, and nothing is trusted
// without the signatures.

#include <algorithm>
#include <cstdlib>
#include <string>

#include "oko/base/error.h"
#include "oko/seal/update_index.h"

namespace {

using namespace oko::seal;

// The root key of the files in corpus/update_index, and of nothing else.
constexpr char kRoot[] = "RWRHWKOjCYhh8oKDatDGGljqoo3L7teNQ9GuXsCQsgS57N+dGJk7o65i";

void open(std::span<const std::byte> bytes) {
  const IndexFile file = read_index_file(bytes, "file");
  if (!std::ranges::equal(index_file(file), bytes)) std::abort();
  const TrustedIndex trusted = trusted_index(file, PublicKey::read(kRoot, "key"), "file");
  check_continues(file, file, trusted.first, "file");
  for (const Offer& offer : trusted.index.offers) {
    if (offer_of(trusted.index, offer.model, "", "file").release < offer.release) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  start_sodium();
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0]) {
      case 'f':
        open(bytes_of(text));
        break;
      case 'r':
        if (root_text(read_root(text, "root")) != text) std::abort();
        break;
      default:
        if (index_text(read_index(text, "index")) != text) std::abort();
    }
  } catch (const oko::Error&) {
  }
  return 0;
}
