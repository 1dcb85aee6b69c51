#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <limits>

#include "oko/media/codecs.h"
#include "oko/media/opencv.h"

namespace oko::media {
namespace {

class PngReader {
 public:
  PngReader(std::span<const std::byte> file, image::Size expected)
      : expected_(expected),
        rest_(file),
        png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, this, fail, [](png_structp, auto) {})),
        info_(png_ ? png_create_info_struct(png_) : nullptr) {}
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  Decoded read() {
    // fail() jumps back here. Everything with a destructor is a member, so none is skipped.
    if (info_ && setjmp(back_) == 0) decode();
    if (decoded_.state == Decoded::State::kBroken && ran_out_) {
      decoded_.state = Decoded::State::kCut;
    }
    return std::move(decoded_);
  }

 private:
  [[noreturn]] static void fail(png_structp png, png_const_charp) {
    longjmp(static_cast<PngReader*>(png_get_error_ptr(png))->back_, 1);
  }
  static void take(png_structp png, png_bytep to, std::size_t count) {
    PngReader& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > reader.rest_.size()) {
      reader.ran_out_ = true;
      fail(png, "");
    }
    std::copy_n(reinterpret_cast<const png_byte*>(reader.rest_.data()), count, to);
    reader.rest_ = reader.rest_.subspan(count);
  }

  // 8-bit RGB, whatever the file contains.
  void ask_for_rgb() {
    png_set_strip_16(png_);
    png_set_expand(png_);
    png_set_strip_alpha(png_);
    png_set_gray_to_rgb(png_);
  }

  void decode() {
    png_set_read_fn(png_, this, take);
    constexpr auto kAny = static_cast<png_uint_32>(std::numeric_limits<int>::max());
    png_set_user_limits(png_, kAny, kAny);  // our own limits are checked before
    png_read_info(png_, info_);
    decoded_.picture.size = {static_cast<int>(png_get_image_width(png_, info_)),
                             static_cast<int>(png_get_image_height(png_, info_))};
    if (decoded_.picture.size != expected_) return;
    ask_for_rgb();
    const int passes = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    const std::size_t row = 3 * static_cast<std::size_t>(expected_.width);
    if (png_get_rowbytes(png_, info_) != row) return;
    decoded_.picture = blank_picture(expected_);
    for (int pass = 0; pass < passes; ++pass) {
      for (std::size_t y = 0; y < static_cast<std::size_t>(expected_.height); ++y) {
        png_read_row(png_, decoded_.picture.rgb.data() + y * row, nullptr);
      }
    }
    decoded_.state = Decoded::State::kWhole;
  }

  const image::Size expected_;
  std::span<const std::byte> rest_;
  std::jmp_buf back_{};
  bool ran_out_ = false;
  Decoded decoded_;
  png_structp png_;
  png_infop info_;
};

}  // namespace

Decoded decode_png(std::span<const std::byte> file, image::Size expected) {
  return PngReader(file, expected).read();
}

}  // namespace oko::media
