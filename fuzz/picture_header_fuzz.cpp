// needs: media
// Only the start of large files is read: its size and orientation must match the whole file's and
// the decoder's, or be missing. The last byte is how much of the file is given.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "oko/base/error.h"
#include "oko/media/picture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto content = std::as_bytes(std::span(data, size));
  const oko::Bytes file(std::vector<std::byte>(content.begin(), content.end()));
  const auto head = oko::media::probe_head(file.part(0, size * data[size - 1] / 255));
  const auto info = oko::media::probe(file);
  if (head && (head->format != info.format || head->size != info.size ||
               head->exif_orientation != info.exif_orientation)) {
    std::abort();
  }
  if (info.exif_orientation < 1 || info.exif_orientation > 8) std::abort();
  if (std::int64_t{info.size.width} * info.size.height > 1 << 16) return 0;
  try {
    if (oko::media::decode(file, "fuzz").size != info.upright_size()) std::abort();
  } catch (const oko::Error&) {
    // expected for a broken image
  }
  return 0;
}
