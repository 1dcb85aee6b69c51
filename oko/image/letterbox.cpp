#include "oko/image/letterbox.h"

#include <algorithm>
#include <cassert>

#include "oko/image/sampling.h"

namespace oko::image {
namespace {

void fill_bars(const InputView& input, Size size, const Window& w, float border) {
  for (int y = 0; y < size.height; ++y) {
    float* row = input.data + y * input.row;
    if (y < w.top || y >= w.top + w.height) {
      std::fill_n(row, size.width, border);
    } else {
      std::fill_n(row, w.left, border);
      std::fill(row + w.left + w.width, row + size.width, border);
    }
  }
}

}  // namespace

struct Letterboxer::State {
  SimdTarget target;
};

Letterboxer::Letterboxer(SimdTarget target) : state_(std::make_unique<State>(State{target})) {}
Letterboxer::~Letterboxer() = default;
Letterboxer::Letterboxer(Letterboxer&&) noexcept = default;
Letterboxer& Letterboxer::operator=(Letterboxer&&) noexcept = default;

Placement Letterboxer::fill(const Frame& frame, Size size, const Preprocess& preprocess,
                            const InputView& input) {
  check(frame);
  const SamplingPlan sampling = make_sampling_plan(frame, size, preprocess);
  for (int c = 0; c < 3; ++c) {
    const InputView plane{input.data + c * input.plane, input.row, input.plane};
    fill_bars(plane, size, sampling.window, preprocess.border);
  }
  sample_reference(frame, sampling, preprocess.bgr, input);
  return place(frame, size, preprocess);
}

Placement letterbox(const Frame& frame, Size size, const Preprocess& preprocess,
                    std::span<float> input, SimdTarget target) {
  const std::ptrdiff_t plane = std::ptrdiff_t{size.width} * size.height;
  assert(input.size() == static_cast<std::size_t>(plane) * 3);
  return Letterboxer(target).fill(frame, size, preprocess, {input.data(), size.width, plane});
}

}  // namespace oko::image
