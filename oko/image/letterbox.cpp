#include "oko/image/letterbox.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <vector>

namespace oko::image {
namespace {

using Sampling = Preprocess::Sampling;

// Two neighbours along one axis and the share of the second one, for every output pixel.
struct Taps {
  std::vector<int> first, second;
  std::vector<float> weight;
};

double source_position(int index, int from, int to, Sampling sampling) {
  if (sampling == Sampling::kEdges) return (index + .5) * from / to - .5;
  if (to == 1) return from - 1;  // Darknet's last pixel is always the source's last
  return static_cast<float>(index) * (static_cast<float>(from - 1) / static_cast<float>(to - 1));
}

Taps make_taps(int from, int to, Sampling sampling) {
  Taps taps;
  for (int i = 0; i < to; ++i) {
    const double position = std::clamp(source_position(i, from, to, sampling), 0., from - 1.);
    const int first = static_cast<int>(position);
    taps.first.push_back(first);
    taps.second.push_back(std::min(first + 1, from - 1));
    taps.weight.push_back(static_cast<float>(position - first));
  }
  return taps;
}

// Where the input's three planes find their byte in a pixel.
std::array<int, 3> channel_offsets(PixelFormat format, bool bgr) {
  if (format == PixelFormat::kGrey) return {0, 0, 0};
  const bool swapped = format == PixelFormat::kBgr || format == PixelFormat::kBgra;
  return swapped == bgr ? std::array{0, 1, 2} : std::array{2, 1, 0};
}

// Source rows resampled along x, one plane after another. An output row needs two neighbours, of
// which one is even and one odd: each has a place of its own and is kept for the next output row.
class Rows {
 public:
  Rows(const Frame& frame, Taps columns, std::array<int, 3> offsets)
      : frame_(frame), columns_(std::move(columns)), offsets_(offsets) {
    const int pixel = bytes_per_pixel(frame.format);
    for (int& x : columns_.first) x *= pixel;
    for (int& x : columns_.second) x *= pixel;
    for (auto& values : values_) values.resize(3 * columns_.weight.size());
  }

  const float* get(int y) {
    const auto slot = static_cast<std::size_t>(y % 2);
    if (held_[slot] != y) fill(y, values_[slot].data());
    held_[slot] = y;
    return values_[slot].data();
  }

 private:
  void fill(int y, float* to) const {
    const std::uint8_t* row = frame_.pixels + static_cast<std::size_t>(y) * frame_.stride;
    const std::size_t width = columns_.weight.size();
    for (const int offset : offsets_) {
      for (std::size_t x = 0; x < width; ++x) {
        const float w = columns_.weight[x];
        to[x] = static_cast<float>(row[columns_.first[x] + offset]) * (1 - w) +
                static_cast<float>(row[columns_.second[x] + offset]) * w;
      }
      to += width;
    }
  }

  const Frame& frame_;
  Taps columns_;
  std::array<int, 3> offsets_;
  std::array<std::vector<float>, 2> values_;
  std::array<int, 2> held_{-1, -1};
};

// The part of the input that the picture covers, in whole pixels.
struct Window {
  int left = 0, top = 0, width = 0, height = 0;
};

Window window_of(Size source, Size input, Preprocess::Fit fit) {
  assert(source.width > 0 && source.height > 0 && input.width > 0 && input.height > 0);
  Window w{0, 0, input.width, input.height};
  if (fit == Preprocess::Fit::kStretch) return w;
  const std::int64_t sw = source.width, sh = source.height, iw = input.width, ih = input.height;
  if (iw * sh < ih * sw) {
    w.height = std::max(1, static_cast<int>(sh * iw / sw));
  } else {
    w.width = std::max(1, static_cast<int>(sw * ih / sh));
  }
  w.left = (input.width - w.width) / 2;
  w.top = (input.height - w.height) / 2;
  return w;
}

Placement placement_of(Size source, Size input, const Window& window) {
  Placement p;
  p.source = source;
  p.input = input;
  p.scale_x = static_cast<float>(window.width) / static_cast<float>(source.width);
  p.scale_y = static_cast<float>(window.height) / static_cast<float>(source.height);
  p.offset_x = static_cast<float>(window.left);
  p.offset_y = static_cast<float>(window.top);
  return p;
}

void fill_bars(float* plane, Size input, const Window& w, float border) {
  const std::ptrdiff_t width = input.width;
  std::fill_n(plane, width * w.top, border);
  std::fill(plane + width * (w.top + w.height), plane + width * input.height, border);
  if (w.width == input.width) return;
  for (int y = w.top; y < w.top + w.height; ++y) {
    float* row = plane + width * y;
    std::fill_n(row, w.left, border);
    std::fill(row + w.left + w.width, row + width, border);
  }
}

}  // namespace

Box Placement::to_input(const Box& b) const {
  return {b.left * scale_x + offset_x, b.top * scale_y + offset_y, b.right * scale_x + offset_x,
          b.bottom * scale_y + offset_y};
}

Box Placement::to_source(const Box& b) const {
  return {(b.left - offset_x) / scale_x, (b.top - offset_y) / scale_y,
          (b.right - offset_x) / scale_x, (b.bottom - offset_y) / scale_y};
}

Placement place(Size source, Size input, const Preprocess& preprocess) {
  return placement_of(source, input, window_of(source, input, preprocess.fit));
}

Placement letterbox(const Frame& frame, Size size, const Preprocess& preprocess,
                    std::span<float> input) {
  const std::ptrdiff_t plane = std::ptrdiff_t{size.width} * size.height;
  assert(input.size() == static_cast<std::size_t>(plane) * 3);
  const Window window = window_of(frame.size, size, preprocess.fit);
  const Taps lines = make_taps(frame.size.height, window.height, preprocess.sampling);
  Rows rows(frame, make_taps(frame.size.width, window.width, preprocess.sampling),
            channel_offsets(frame.format, preprocess.bgr));
  for (int c = 0; c < 3; ++c) fill_bars(input.data() + c * plane, size, window, preprocess.border);
  for (int y = 0; y < window.height; ++y) {
    const auto line = static_cast<std::size_t>(y);
    const float* above = rows.get(lines.first[line]);
    const float* below = rows.get(lines.second[line]);
    const float w = lines.weight[line];
    for (int c = 0; c < 3; ++c) {
      float* to =
          input.data() + c * plane + std::ptrdiff_t{size.width} * (window.top + y) + window.left;
      const std::ptrdiff_t skip = std::ptrdiff_t{window.width} * c;
      for (int x = 0; x < window.width; ++x) {
        to[x] = (above[skip + x] * (1 - w) + below[skip + x] * w) / 255;
      }
    }
  }
  return placement_of(frame.size, size, window);
}

}  // namespace oko::image
