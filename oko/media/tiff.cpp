#include <tiffio.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "oko/media/codecs.h"
#include "oko/media/opencv.h"

namespace oko::media {
namespace {

// Read-only access to the file for libtiff.
struct Memory {
  std::span<const std::byte> file;
  std::uint64_t at = 0;
  bool ran_out = false;
};

Memory& memory_of(thandle_t handle) { return *static_cast<Memory*>(handle); }

tmsize_t read_bytes(thandle_t handle, void* to, tmsize_t count) {
  Memory& memory = memory_of(handle);
  const std::uint64_t left =
      memory.file.size() - std::min<std::uint64_t>(memory.at, memory.file.size());
  const auto taken = std::min(left, static_cast<std::uint64_t>(std::max<tmsize_t>(count, 0)));
  memory.ran_out |= std::cmp_less(taken, count);
  std::copy_n(memory.file.data() + (taken > 0 ? memory.at : 0), taken, static_cast<std::byte*>(to));
  memory.at += taken;
  return static_cast<tmsize_t>(taken);
}

tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  Memory& memory = memory_of(handle);
  const std::uint64_t base = whence == SEEK_SET   ? 0
                             : whence == SEEK_CUR ? memory.at
                                                  : memory.file.size();
  return memory.at = base + offset;
}

int close_nothing(thandle_t) { return 0; }

toff_t size_of(thandle_t handle) { return memory_of(handle).file.size(); }

int say_nothing(TIFF*, void*, const char*, const char*, va_list) { return 1; }

using Tiff = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

// Limits a single allocation to what an image of that size needs. A tile may be larger than its
// image.
Tiff open(Memory& memory, image::Size size) {
  constexpr tmsize_t kUsualTile = tmsize_t{64} << 20, kMostBytesOfPixel = 32;
  const tmsize_t most_at_once =
      std::max(kUsualTile, kMostBytesOfPixel * size.width * tmsize_t{size.height});
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(
      TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), most_at_once);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), say_nothing, nullptr);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), say_nothing, nullptr);
  return {TIFFClientOpenExt("", "rm", &memory, read_bytes, write_nothing, seek, close_nothing,
                            size_of, nullptr, nullptr, options.get()),
          TIFFClose};
}

// The first page's pixels in file order. False if they are broken.
bool read_pixels(TIFF* tiff, image::Size expected, image::Picture& picture) {
  TIFFRGBAImage reader{};
  char why[1024];
  if (!TIFFRGBAImageBegin(&reader, tiff, 1, why)) return false;
  const std::unique_ptr<TIFFRGBAImage, decltype(&TIFFRGBAImageEnd)> end(&reader, TIFFRGBAImageEnd);
  picture.size = {static_cast<int>(reader.width), static_cast<int>(reader.height)};
  if (picture.size != expected) return false;
  reader.req_orientation = reader.orientation;  // no rotation
  std::vector<std::uint32_t> pixels(std::size_t{reader.width} * reader.height);
  if (!TIFFRGBAImageGet(&reader, pixels.data(), reader.width, reader.height)) return false;
  picture = blank_picture(expected);
  std::uint8_t* to = picture.rgb.data();
  for (const std::uint32_t pixel : pixels) {
    *to++ = static_cast<std::uint8_t>(TIFFGetR(pixel));
    *to++ = static_cast<std::uint8_t>(TIFFGetG(pixel));
    *to++ = static_cast<std::uint8_t>(TIFFGetB(pixel));
  }
  return true;
}

}  // namespace

Decoded decode_tiff(std::span<const std::byte> file, image::Size expected) {
  Decoded decoded;
  Memory memory{file};
  const Tiff tiff = open(memory, expected);
  if (tiff && read_pixels(tiff.get(), expected, decoded.picture)) {
    decoded.state = Decoded::State::kWhole;
  } else if (memory.ran_out) {
    decoded.state = Decoded::State::kCut;
  }
  return decoded;
}

}  // namespace oko::media
