// needs: image
// Camera frames with all kinds of sizes, strides and regions: none may be read outside its planes
// or written outside the input. Planes and input are exactly as large as needed.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "oko/base/error.h"
#include "oko/image/letterbox.h"

namespace {

using namespace oko::image;

// Takes numbers from the fuzzer's bytes; 0 after their end.
class Numbers {
 public:
  Numbers(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::uint8_t byte() { return next_ < size_ ? data_[next_++] : 0; }
  int below(int limit) { return (byte() | byte() << 8) % limit; }

 private:
  const std::uint8_t* data_;
  std::size_t size_, next_ = 0;
};

// Sizes that a phone or a test has, mostly small.
int side(Numbers& numbers) { return 1 + numbers.below(numbers.byte() % 8 == 0 ? 700 : 70); }

struct Planes {
  std::unique_ptr<std::uint8_t[]> bytes[3];
};

Planes make_planes(Numbers& numbers, Frame& frame) {
  Planes planes;
  const Size chroma = chroma_size(frame.size);
  for (int p = 0; p < plane_count(frame.format); ++p) {
    const auto i = static_cast<std::size_t>(p);
    std::size_t row = static_cast<std::size_t>(frame.size.width) *
                      static_cast<std::size_t>(bytes_per_pixel(frame.format));
    if (p > 0) {
      const auto width = static_cast<std::size_t>(chroma.width);
      row = frame.format == PixelFormat::kI420
                ? (width - 1) * static_cast<std::size_t>(chroma_step(frame)) + 1
                : 2 * width;
    }
    const std::size_t stride = row + numbers.byte() % 20;
    const auto rows = static_cast<std::size_t>(p > 0 ? chroma.height : frame.size.height);
    const std::size_t count = stride * (rows - 1) + row;
    planes.bytes[i] = std::make_unique<std::uint8_t[]>(count);
    const std::uint8_t value = numbers.byte(), step = numbers.byte();
    for (std::size_t k = 0; k < count; ++k) {
      planes.bytes[i][k] = static_cast<std::uint8_t>(value + k * step);
    }
    frame.planes[i] = planes.bytes[i].get();
    frame.strides[i] = stride;
  }
  return planes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Numbers numbers(data, size);
  Frame frame;
  frame.format = static_cast<PixelFormat>(numbers.byte() % 8);
  frame.size = {side(numbers), side(numbers)};
  frame.chroma_step = numbers.byte() % 4;
  frame.range = static_cast<YuvRange>(numbers.byte() % 2);
  frame.matrix = static_cast<YuvMatrix>(numbers.byte() % 3);
  frame.rotation = static_cast<Rotation>(numbers.byte() % 4 * 90);
  frame.mirror = numbers.byte() % 2 != 0;
  if (numbers.byte() % 2 != 0) {  // about one in four is outside
    frame.region = {numbers.below(frame.size.width), numbers.below(frame.size.height),
                    1 + numbers.below(frame.size.width), 1 + numbers.below(frame.size.height)};
  }
  const Planes planes = make_planes(numbers, frame);
  Preprocess preprocess;
  if (numbers.byte() % 2 != 0) preprocess.fit = Preprocess::Fit::kStretch;
  if (numbers.byte() % 2 != 0) preprocess.sampling = Preprocess::Sampling::kPixelCentres;
  const Size input{side(numbers), side(numbers)};
  const auto targets = oko::simd_targets();
  const auto target = targets[numbers.byte() % targets.size()];
  const auto count = static_cast<std::size_t>(input.width) * static_cast<std::size_t>(input.height);
  const auto values = std::make_unique<float[]>(3 * count);
  std::fill_n(values.get(), 3 * count, -1.F);
  try {
    letterbox(frame, input, preprocess, {values.get(), 3 * count}, target);
  } catch (const oko::Error&) {
    return 0;  // expected for an invalid frame
  }
  const auto wrong = [](float v) { return !(v >= 0 && v <= 1.000001F); };
  if (std::any_of(values.get(), values.get() + 3 * count, wrong)) __builtin_trap();
  return 0;
}
