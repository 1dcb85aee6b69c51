#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "oko/base/bytes.h"
#include "oko/media/picture.h"

namespace oko::serve {

inline image::Picture test_picture(image::Size size = {64, 48}) {
  image::Picture picture{size, {}};
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      for (const int value : {4 * x, 5 * y, 128}) {
        picture.rgb.push_back(static_cast<std::uint8_t>(value));
      }
    }
  }
  return picture;
}

inline std::string text_of(const std::vector<std::byte>& bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// What the page posts.
inline Bytes test_body(std::string_view header, const std::string& jpeg) {
  return Bytes(std::string(header) + "\n" + jpeg);
}
inline std::string test_jpeg() { return text_of(media::encode_jpeg(test_picture())); }

}  // namespace oko::serve
