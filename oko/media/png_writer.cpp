#include <png.h>
#include <zlib.h>

#include <cassert>
#include <csetjmp>
#include <new>
#include <string>

#include "oko/base/error.h"
#include "oko/media/codecs.h"
#include "oko/media/picture.h"

namespace oko::media {
namespace {

class PngWriter {
 public:
  explicit PngWriter(const image::Picture& picture)
      : picture_(picture),
        png_(png_create_write_struct(PNG_LIBPNG_VER_STRING, this, fail, [](png_structp, auto) {})),
        info_(png_ ? png_create_info_struct(png_) : nullptr) {}
  ~PngWriter() { png_destroy_write_struct(&png_, &info_); }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;

  std::vector<std::byte> write() {
    if (!info_) throw std::bad_alloc();
    // fail() jumps back here. Everything with a destructor is a member, so none is skipped.
    if (setjmp(back_) != 0) throw cannot_encode(picture_.size, why_);
    encode();
    return std::move(file_);
  }

 private:
  [[noreturn]] static void fail(png_structp png, png_const_charp why) {
    PngWriter& writer = *static_cast<PngWriter*>(png_get_error_ptr(png));
    writer.why_ = why;  // libpng's own constants, or a text of its structure's
    longjmp(writer.back_, 1);
  }
  static void put(png_structp png, png_bytep from, std::size_t count) {
    std::vector<std::byte>& file = static_cast<PngWriter*>(png_get_io_ptr(png))->file_;
    try {
      const auto* bytes = reinterpret_cast<const std::byte*>(from);
      file.insert(file.end(), bytes, bytes + count);
      return;
    } catch (const std::bad_alloc&) {  // must not pass through libpng
    }
    fail(png, "out of memory");
  }

  // The fastest compression that is worth its time on drawn boxes: OpenCV's own choice.
  void encode() {
    png_set_write_fn(png_, this, put, [](png_structp) {});
    png_set_filter(png_, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    png_set_compression_level(png_, Z_BEST_SPEED);
    png_set_compression_strategy(png_, Z_RLE);
    png_set_IHDR(png_, info_, static_cast<png_uint_32>(picture_.size.width),
                 static_cast<png_uint_32>(picture_.size.height), 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png_, info_);
    const std::size_t row = 3 * static_cast<std::size_t>(picture_.size.width);
    for (std::size_t y = 0; y < static_cast<std::size_t>(picture_.size.height); ++y) {
      png_write_row(png_, picture_.rgb.data() + y * row);
    }
    png_write_end(png_, info_);
  }

  const image::Picture& picture_;
  std::jmp_buf back_{};
  const char* why_ = "";
  std::vector<std::byte> file_;
  png_structp png_;
  png_infop info_;
};

}  // namespace

std::vector<std::byte> encode_png(const image::Picture& picture) {
  assert(picture.size.width > 0 && picture.size.height > 0);
  return PngWriter(picture).write();
}

}  // namespace oko::media
