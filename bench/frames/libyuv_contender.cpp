#include <libyuv.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "contender.h"

namespace oko::bench {
namespace {

using image::Rotation;
using image::Size;

std::size_t pixels(Size size) {
  return static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height);
}

// Also compiled for the instruction sets that libyuv and oko choose from.
__attribute__((target_clones("avx512f", "avx2", "default"))) void normalise(
    const std::uint8_t* bgra, int width, float* red, float* green, float* blue) {
  for (int x = 0; x < width; ++x) {
    blue[x] = static_cast<float>(bgra[4 * x]) * (1 / 255.F);
    green[x] = static_cast<float>(bgra[4 * x + 1]) * (1 / 255.F);
    red[x] = static_cast<float>(bgra[4 * x + 2]) * (1 / 255.F);
  }
}

struct Steps {
  image::Frame frame;
  Size scaled, window;  // before and after the rotation
  int left = 0, top = 0;
  std::vector<std::uint8_t> luma, chroma, converted, small, upright;

  Steps(const image::Frame& nv12, bool scale_first) : frame(nv12) {
    const image::Placement p = image::place(nv12, kInput, {});
    left = static_cast<int>(p.offset_x);
    top = static_cast<int>(p.offset_y);
    window = {kInput.width - 2 * left, kInput.height - 2 * top};
    scaled = nv12.rotation == Rotation::k0 ? window : Size{window.height, window.width};
    if (scale_first) {
      luma.resize(pixels(scaled));
      chroma.resize(2 * pixels(image::chroma_size(scaled)));
    } else {
      converted.resize(4 * pixels(nv12.size));
    }
    small.resize(4 * pixels(scaled));
    upright.resize(small.size());
  }

  void convert_and_scale() {
    const auto [width, height] = frame.size;
    libyuv::NV12ToARGB(frame.planes[0], width, frame.planes[1], width, converted.data(), 4 * width,
                       width, height);
    libyuv::ARGBScale(converted.data(), 4 * width, width, height, small.data(), 4 * scaled.width,
                      scaled.width, scaled.height, libyuv::kFilterBilinear);
  }

  void scale_and_convert() {
    const auto [width, height] = frame.size;
    const int row = 2 * image::chroma_size(scaled).width;
    libyuv::NV12Scale(frame.planes[0], width, frame.planes[1], width, width, height, luma.data(),
                      scaled.width, chroma.data(), row, scaled.width, scaled.height,
                      libyuv::kFilterBilinear);
    libyuv::NV12ToARGB(luma.data(), scaled.width, chroma.data(), row, small.data(),
                       4 * scaled.width, scaled.width, scaled.height);
  }

  void fill_bars(std::vector<float>& input) const {
    for (std::size_t plane = 0; plane < 3; ++plane) {
      float* row = input.data() + plane * pixels(kInput);
      for (int y = 0; y < kInput.height; ++y, row += kInput.width) {
        const bool bar = y < top || y >= top + window.height;
        std::fill_n(row, bar ? kInput.width : left, .5F);
        if (!bar) std::fill_n(row + left + window.width, left, .5F);
      }
    }
  }

  void finish(std::vector<float>& input) {
    fill_bars(input);
    const std::uint8_t* bgra = small.data();
    if (frame.rotation != Rotation::k0) {
      libyuv::ARGBRotate(small.data(), 4 * scaled.width, upright.data(), 4 * window.width,
                         scaled.width, scaled.height, libyuv::kRotate90);
      bgra = upright.data();
    }
    for (int y = 0; y < window.height; ++y) {
      float* red = input.data() + (top + y) * kInput.width + left;
      float* green = red + pixels(kInput);
      normalise(bgra + std::ptrdiff_t{4} * y * window.width, window.width, red, green,
                green + pixels(kInput));
    }
  }
};

}  // namespace

void add_libyuv(const image::Frame& nv12, bool scale_first, Contender& contender) {
  const auto steps = std::make_shared<Steps>(nv12, scale_first);
  contender.input.resize(3 * pixels(kInput));
  contender.fill = [steps, scale_first, &contender] {
    scale_first ? steps->scale_and_convert() : steps->convert_and_scale();
    steps->finish(contender.input);
  };
}

}  // namespace oko::bench
