#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "oko/base/error.h"
#include "oko/dataset/parsed.h"

// What holds for every annotation file that a reader accepts.
inline void expect_usable(const oko::dataset::ParsedFile& file) {
  for (const auto& picture : file.pictures) {
    for (const auto& parsed : picture.objects) {
      const oko::image::Box& box = parsed.box;
      for (const float edge : {box.left, box.top, box.right, box.bottom}) {
        if (!std::isfinite(edge)) std::abort();
      }
      if (!(box.width() > 0 && box.height() > 0)) std::abort();
      if (parsed.place.empty()) std::abort();
    }
  }
  for (const oko::dataset::Finding& finding : file.findings) {
    if (finding.kind.empty() || finding.place.empty() || finding.message.empty()) std::abort();
  }
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}
