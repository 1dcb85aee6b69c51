// needs: media
// Images come from anywhere: no file may crash the header reader or the decoder.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "oko/base/error.h"
#include "oko/media/picture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto content = std::as_bytes(std::span(data, size));
  const oko::Bytes file(std::vector<std::byte>(content.begin(), content.end()));
  const auto info = oko::media::probe(file);
  // A few bytes may declare a huge image, which is allowed but slow to decode and finds nothing
  // new.
  if (std::int64_t{info.size.width} * info.size.height > 1 << 20) return 0;
  try {
    oko::media::decode(file, "fuzz");
    oko::image::Size original;
    oko::media::decode_reduced(file, "fuzz", {8, 8}, original);
  } catch (const oko::Error&) {
    // expected for a broken image
  }
  return 0;
}
