// needs: serve
// Frames come from whoever has the link of `oko phone`. What is accepted lies within its image.

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "oko/base/error.h"
#include "oko/media/picture.h"
#include "oko/serve/sent_frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kClasses = 2;
  oko::media::set_max_pixels(1 << 20);  // larger ones are slow to decode and find nothing new
  const auto content = std::as_bytes(std::span(data, size));
  const oko::Bytes body(std::vector<std::byte>(content.begin(), content.end()));
  try {
    const oko::serve::SentFrame frame = oko::serve::parse_sent_frame(body, kClasses);
    for (const oko::dataset::Object& object : frame.objects) {
      assert(object.class_id >= 0 && object.class_id < kClasses);
      assert(object.box.left >= 0 && object.box.right <= static_cast<float>(frame.size.width));
      assert(object.box.top >= 0 && object.box.bottom <= static_cast<float>(frame.size.height));
      assert(object.box.left < object.box.right && object.box.top < object.box.bottom);
    }
  } catch (const oko::Error&) {
    // expected of bytes that are not a frame
  }
  return 0;
}
