#include "oko/media/heif.h"

#include <libheif/heif.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <utility>

#include "oko/base/owned.h"
#include "oko/media/opencv.h"

namespace oko::media {
namespace {

using HeifContext = Owned<heif_context, heif_context_free>;
using HeifHandle = Owned<heif_image_handle, heif_image_handle_release>;
using HeifImage = Owned<heif_image, heif_image_release>;

// The decoders behind libheif print complaints to C's stderr, and none has a switch for it. While
// one of them runs, that stream is discarded. Oko's own output is not lost: std::cerr does not use
// this variable.
class SilentDecoders {
 public:
  SilentDecoders() {
#ifdef __GLIBC__
    const std::scoped_lock lock(mutex_);
    static std::FILE* const nowhere = std::fopen("/dev/null", "w");
    if (users_++ > 0 || nowhere == nullptr) return;
    real_ = std::exchange(stderr, nowhere);
#endif
  }
  ~SilentDecoders() {
#ifdef __GLIBC__
    const std::scoped_lock lock(mutex_);
    if (--users_ == 0 && real_ != nullptr) stderr = std::exchange(real_, nullptr);
#endif
  }
  SilentDecoders(const SilentDecoders&) = delete;
  SilentDecoders& operator=(const SilentDecoders&) = delete;

 private:
  static inline std::mutex mutex_;
  static inline int users_ = 0;
  static inline std::FILE* real_ = nullptr;
};

image::Size coded_size_of(const heif_image_handle* handle) {
  return {std::max(0, heif_image_handle_get_ispe_width(handle)),
          std::max(0, heif_image_handle_get_ispe_height(handle))};
}

// A tiled image has its own size besides those in the file. It is usually somewhat larger, as tiles
// are cropped to the image.
void bound_memory(heif_context* context, image::Size expected, image::Size coded) {
  constexpr int kUsualSide = 4096, kMostSide = 1 << 16;
  const int longest = std::max({expected.width, expected.height, coded.width, coded.height});
  const int side = std::min(longest, kMostSide / 2);
  heif_context_set_maximum_image_size_limit(context, std::max(kUsualSide, 2 * side));
}

// The primary image; null if the file is broken. `context` must outlive it.
HeifHandle open(const HeifContext& context, std::span<const std::byte> file) {
  heif_image_handle* handle = nullptr;
  if (heif_context_read_from_memory_without_copy(context.get(), file.data(), file.size(), nullptr)
          .code != heif_error_Ok) {
    return nullptr;
  }
  if (heif_context_get_primary_image_handle(context.get(), &handle).code != heif_error_Ok) {
    return nullptr;
  }
  return HeifHandle(handle);
}

image::Size size_of(const heif_image_handle* handle) {
  return {std::max(0, heif_image_handle_get_width(handle)),
          std::max(0, heif_image_handle_get_height(handle))};
}

}  // namespace

bool has_heif() { return true; }

image::Size heif_size(std::span<const std::byte> file) {
  const HeifContext context(heif_context_alloc());
  const HeifHandle handle = open(context, file);
  return handle ? size_of(handle.get()) : image::Size{};
}

image::Size heif_coded_size(std::span<const std::byte> file) {
  const HeifContext context(heif_context_alloc());
  const HeifHandle handle = open(context, file);
  return handle ? coded_size_of(handle.get()) : image::Size{};
}

Decoded decode_heif(std::span<const std::byte> file, image::Size expected) {
  Decoded decoded;
  const SilentDecoders silent;
  const HeifContext context(heif_context_alloc());
  const HeifHandle handle = open(context, file);
  if (!handle) return decoded;
  bound_memory(context.get(), expected, coded_size_of(handle.get()));
  heif_image* raw = nullptr;
  if (heif_decode_image(handle.get(), &raw, heif_colorspace_RGB, heif_chroma_interleaved_RGB,
                        nullptr)
          .code != heif_error_Ok) {
    return decoded;
  }
  const HeifImage picture(raw);
  decoded.picture.size = {heif_image_get_width(raw, heif_channel_interleaved),
                          heif_image_get_height(raw, heif_channel_interleaved)};
  int stride = 0;
  const std::uint8_t* rows = heif_image_get_plane_readonly(raw, heif_channel_interleaved, &stride);
  if (!rows || decoded.picture.size != expected) return decoded;
  decoded.picture = blank_picture(expected);
  const std::size_t row = 3 * static_cast<std::size_t>(expected.width);
  for (std::size_t y = 0; y < static_cast<std::size_t>(expected.height); ++y) {
    std::copy_n(rows + y * static_cast<std::size_t>(stride), row,
                decoded.picture.rgb.data() + y * row);
  }
  decoded.state = Decoded::State::kWhole;
  return decoded;
}

}  // namespace oko::media
