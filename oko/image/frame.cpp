#include "oko/image/frame.h"

namespace oko::image {

int bytes_per_pixel(PixelFormat format) {
  switch (format) {
    case PixelFormat::kRgb:
    case PixelFormat::kBgr:
      return 3;
    case PixelFormat::kRgba:
    case PixelFormat::kBgra:
      return 4;
    case PixelFormat::kGrey:
      return 1;
  }
  return 0;
}

}  // namespace oko::image
