#include "oko/image/frame.h"

#include <initializer_list>
#include <limits>
#include <string>
#include <type_traits>

#include "oko/base/error.h"

namespace oko::image {
namespace {

// So that offsets within a row fit an int; far beyond any camera.
constexpr std::int64_t kMaxPixels = std::int64_t{1} << 28;
constexpr int kMaxChromaStep = 8;  // cameras have 1 or 2

// Words and numbers of a message. Concatenating them in one place keeps the library small.
struct Piece {
  Piece(const char* text) : words(text) {}
  template <class Number>
  requires std::is_integral_v<Number> || std::is_enum_v<Number> Piece(Number value)
      : number(static_cast<std::int64_t>(value)) {}
  const char* words = nullptr;
  std::int64_t number = 0;
};

[[noreturn]] void refuse(std::initializer_list<Piece> pieces, const char* hint = "") {
  std::string what;
  for (const Piece& piece : pieces) {
    what += piece.words ? piece.words : std::to_string(piece.number);
  }
  throw Error(ErrorCode::kUsage, "frame", what, hint);
}

bool is_format(PixelFormat format) {
  return format >= PixelFormat::kRgb && format <= PixelFormat::kI420;
}

bool is_rotation(Rotation rotation) {
  return rotation == Rotation::k0 || rotation == Rotation::k90 || rotation == Rotation::k180 ||
         rotation == Rotation::k270;
}

void check_numbers(const Frame& frame) {
  if (!is_format(frame.format)) refuse({"unknown pixel format ", frame.format});
  if (!is_rotation(frame.rotation)) {
    refuse({"invalid rotation ", frame.rotation}, "use 0, 90, 180 or 270 degrees clockwise");
  }
  if (!is_yuv(frame.format)) return;
  if (frame.range != YuvRange::kVideo && frame.range != YuvRange::kFull) {
    refuse({"unknown range ", frame.range});
  }
  if (frame.matrix < YuvMatrix::kBt601 || frame.matrix > YuvMatrix::kBt2020) {
    refuse({"unknown matrix ", frame.matrix});
  }
  if (frame.format == PixelFormat::kI420 &&
      (frame.chroma_step < 0 || frame.chroma_step > kMaxChromaStep)) {
    refuse({"invalid chroma step ", frame.chroma_step},
           "use 1 for planes, 2 for interleaved chroma");
  }
}

// From the first byte of a row that is read to one past the last.
std::size_t row_bytes(const Frame& frame, int plane) {
  const auto width = static_cast<std::size_t>(frame.size.width);
  if (plane == 0) return width * static_cast<std::size_t>(bytes_per_pixel(frame.format));
  const std::size_t chroma = (width + 1) / 2;
  if (frame.format != PixelFormat::kI420) return 2 * chroma;
  return (chroma - 1) * static_cast<std::size_t>(chroma_step(frame)) + 1;
}

void check_planes(const Frame& frame) {
  constexpr auto kMax = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
  for (int p = 0; p < plane_count(frame.format); ++p) {
    const auto plane = static_cast<std::size_t>(p);
    if (!frame.planes[plane]) refuse({"plane ", p, " is missing"});
    const std::size_t row = row_bytes(frame, p), stride = stride_of(frame, p);
    const auto height =
        static_cast<std::size_t>(p == 0 ? frame.size.height : chroma_size(frame.size).height);
    if (stride < row && height > 1) {
      refuse({"rows of plane ", p, " are ", stride, " bytes apart but ", row, " bytes long"},
             "give the stride in bytes, not pixels");
    }
    if (stride > kMax / height) refuse({"a stride of ", stride, " bytes is too long"});
  }
}

void check_region(const Frame& frame) {
  const Region& r = frame.region;
  if (r == Region{}) return;
  const std::int64_t right = std::int64_t{r.left} + r.width,
                     bottom = std::int64_t{r.top} + r.height;
  if (r.left < 0 || r.top < 0 || r.width <= 0 || r.height <= 0 || right > frame.size.width ||
      bottom > frame.size.height) {
    refuse({"the region of ", r.width, "x", r.height, " at ", r.left, ",", r.top,
            " is not inside the frame of ", frame.size.width, "x", frame.size.height},
           "regions are in stored pixels, before the rotation");
  }
}

}  // namespace

bool is_yuv(PixelFormat format) {
  return format == PixelFormat::kNv12 || format == PixelFormat::kNv21 ||
         format == PixelFormat::kI420;
}

int bytes_per_pixel(PixelFormat format) {
  switch (format) {
    case PixelFormat::kRgb:
    case PixelFormat::kBgr:
      return 3;
    case PixelFormat::kRgba:
    case PixelFormat::kBgra:
      return 4;
    case PixelFormat::kGrey:
    case PixelFormat::kNv12:
    case PixelFormat::kNv21:
    case PixelFormat::kI420:
      return 1;
  }
  return 0;
}

void check(const Frame& frame) {
  check_numbers(frame);
  const auto [width, height] = frame.size;
  if (width <= 0 || height <= 0) refuse({"invalid size ", width, "x", height});
  if (std::int64_t{width} * height > kMaxPixels) {
    refuse({"invalid size ", width, "x", height, " is above 2^28 pixels"});
  }
  check_planes(frame);
  check_region(frame);
}

Region region_of(const Frame& frame) {
  return frame.region == Region{} ? Region{0, 0, frame.size.width, frame.size.height}
                                  : frame.region;
}

Size chroma_size(Size size) {
  return {size.width / 2 + size.width % 2, size.height / 2 + size.height % 2};
}

int plane_count(PixelFormat format) {
  if (format == PixelFormat::kI420) return 3;
  return is_yuv(format) ? 2 : 1;
}

int chroma_step(const Frame& frame) {
  if (frame.format != PixelFormat::kI420) return 2;
  return frame.chroma_step == 0 ? 1 : frame.chroma_step;
}

std::size_t stride_of(const Frame& frame, int plane) {
  const std::size_t given = frame.strides[plane];
  if (given != 0) return given;
  if (plane == 0) {
    return static_cast<std::size_t>(frame.size.width) *
           static_cast<std::size_t>(bytes_per_pixel(frame.format));
  }
  return static_cast<std::size_t>(chroma_size(frame.size).width) *
         static_cast<std::size_t>(chroma_step(frame));
}

}  // namespace oko::image
