#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it

#include <jerror.h>
#include <jpeglib.h>

#include "oko/media/codecs.h"
#include "oko/media/opencv.h"

namespace oko::media {
namespace {

constexpr int kMaxScans = 1000;  // more is an attack: a progressive file has about ten

class JpegReader {
 public:
  JpegReader(std::span<const std::byte> file, int divisor, image::Size expected)
      : divisor_(divisor), expected_(expected), file_(file) {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = fail;
    errors_.emit_message = note;
    errors_.output_message = [](j_common_ptr) {};
    info_.client_data = this;
    progress_.progress_monitor = watch;
  }
  ~JpegReader() { jpeg_destroy_decompress(&info_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  Decoded read() {
    // fail() jumps back here. Everything with a destructor is a member, so none is skipped.
    if (setjmp(back_) == 0) {
      decode();
    } else if (no_end_) {
      decoded_.state = Decoded::State::kCut;  // within the header
    }
    return std::move(decoded_);
  }

 private:
  static JpegReader& of(j_common_ptr info) { return *static_cast<JpegReader*>(info->client_data); }
  [[noreturn]] static void fail(j_common_ptr info) { longjmp(of(info).back_, 1); }
  static void note(j_common_ptr info, int level) {
    if (level < 0 && info->err->msg_code == JWRN_HIT_MARKER) of(info).ran_out_ = true;
    if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) of(info).no_end_ = true;
  }
  static void watch(j_common_ptr info) {
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) fail(info);
  }

  void decode() {
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(file_.data()), file_.size());
    jpeg_read_header(&info_, TRUE);
    const bool four = info_.num_components == 4;
    info_.out_color_space = four ? JCS_CMYK : JCS_RGB;
    info_.scale_num = 1;
    info_.scale_denom = static_cast<unsigned>(divisor_);
    jpeg_calc_output_dimensions(&info_);
    decoded_.picture.size = {static_cast<int>(info_.output_width),
                             static_cast<int>(info_.output_height)};
    if (decoded_.picture.size != expected_) return;
    decoded_.picture = blank_picture(expected_);
    jpeg_start_decompress(&info_);
    if (four) {
      read_four();
    } else {
      while (info_.output_scanline < info_.output_height) {
        JSAMPROW row = row_at(info_.output_scanline);
        jpeg_read_scanlines(&info_, &row, 1);
      }
    }
    jpeg_finish_decompress(&info_);
    decoded_.state = ran_out_ && no_end_ ? Decoded::State::kCut : Decoded::State::kWhole;
  }

  // Inverted CMYK, as written by Adobe programs.
  void read_four() {
    four_.resize(std::size_t{4} * info_.output_width);
    while (info_.output_scanline < info_.output_height) {
      std::uint8_t* to = row_at(info_.output_scanline);
      JSAMPROW row = four_.data();
      jpeg_read_scanlines(&info_, &row, 1);
      for (const std::uint8_t* from = row; from < row + four_.size(); from += 4) {
        for (int i = 0; i < 3; ++i)
          *to++ = static_cast<std::uint8_t>((from[i] * from[3] + 127) / 255);
      }
    }
  }

  std::uint8_t* row_at(std::size_t row) {
    return decoded_.picture.rgb.data() + 3 * static_cast<std::size_t>(expected_.width) * row;
  }

  const int divisor_;
  const image::Size expected_;
  const std::span<const std::byte> file_;
  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf back_{};
  bool ran_out_ = false, no_end_ = false;
  std::vector<std::uint8_t> four_;
  Decoded decoded_;
};

}  // namespace

Decoded decode_jpeg(std::span<const std::byte> file, int divisor, image::Size expected) {
  return JpegReader(file, divisor, expected).read();
}

}  // namespace oko::media
