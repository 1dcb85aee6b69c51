#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it

#include <jpeglib.h>

#include <array>
#include <cassert>
#include <cstdlib>
#include <string>

#include "oko/base/error.h"
#include "oko/media/codecs.h"
#include "oko/media/picture.h"

namespace oko::media {
namespace {

class JpegWriter {
 public:
  explicit JpegWriter(const image::Picture& picture) : picture_(picture) {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = fail;
    errors_.output_message = [](j_common_ptr) {};
    info_.client_data = this;
  }
  ~JpegWriter() {
    jpeg_destroy_compress(&info_);
    std::free(file_);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;

  std::vector<std::byte> write(int quality) {
    // fail() jumps back here. Everything with a destructor is a member, so none is skipped.
    if (setjmp(back_) != 0) throw cannot_encode(picture_.size, why_.data());
    encode(quality);
    const auto* bytes = reinterpret_cast<const std::byte*>(file_);
    return {bytes, bytes + size_};
  }

 private:
  [[noreturn]] static void fail(j_common_ptr info) {
    JpegWriter& writer = *static_cast<JpegWriter*>(info->client_data);
    info->err->format_message(info, writer.why_.data());
    longjmp(writer.back_, 1);
  }

  void encode(int quality) {
    jpeg_create_compress(&info_);
    jpeg_mem_dest(&info_, &file_, &size_);
    info_.image_width = static_cast<JDIMENSION>(picture_.size.width);
    info_.image_height = static_cast<JDIMENSION>(picture_.size.height);
    info_.input_components = 3;
    info_.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info_);
    jpeg_set_quality(&info_, quality, TRUE);
    jpeg_start_compress(&info_, TRUE);
    while (info_.next_scanline < info_.image_height) {
      // Rows are only read.
      JSAMPROW row = const_cast<JSAMPROW>(picture_.rgb.data()) +
                     std::size_t{3} * info_.image_width * info_.next_scanline;
      jpeg_write_scanlines(&info_, &row, 1);
    }
    jpeg_finish_compress(&info_);
  }

  const image::Picture& picture_;
  jpeg_compress_struct info_{};
  jpeg_error_mgr errors_{};
  std::jmp_buf back_{};
  std::array<char, JMSG_LENGTH_MAX> why_{};
  unsigned char* file_ = nullptr;  // allocated by jpeg_mem_dest()
  unsigned long size_ = 0;
};

}  // namespace

Error cannot_encode(image::Size size, const std::string& why) {
  return {ErrorCode::kFailed,
          std::to_string(size.width) + "x" + std::to_string(size.height) + " image",
          "cannot be encoded: " + why};
}

std::vector<std::byte> encode_jpeg(const image::Picture& picture, int quality) {
  assert(picture.size.width > 0 && picture.size.height > 0);
  return JpegWriter(picture).write(quality);
}

}  // namespace oko::media
