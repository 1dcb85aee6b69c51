#include "oko/media/heif.h"

namespace oko::media {

bool has_heif() { return false; }
image::Size heif_size(std::span<const std::byte>) { return {}; }
image::Size heif_coded_size(std::span<const std::byte>) { return {}; }
Decoded decode_heif(std::span<const std::byte>, image::Size) { return {}; }

}  // namespace oko::media
