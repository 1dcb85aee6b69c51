#include "oko/image/letterbox.h"

#include <algorithm>
#include <cassert>
#include <optional>

#include "oko/image/rows.h"
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

// What the sampling plan and the sizes of buffers follow from.
struct Geometry {
  PixelFormat format;
  Size frame;
  Region region;
  Rotation rotation;
  bool mirror;
  Size input;
  Preprocess::Fit fit;
  Preprocess::Sampling sampling;
  bool operator==(const Geometry&) const = default;
};

using Planes = std::array<float*, 3>;

}  // namespace

struct Letterboxer::State {
  SimdTarget target;
  std::optional<Geometry> geometry{};
  SamplingPlan plan{};
  Rows luma{}, chroma{};  // luma: also R, G, B together
  RowBuffer<float> tile{};
  std::size_t tile_row = 0;

  void prepare(const Frame& frame, Size size, const Preprocess& preprocess);
  void run(const RowKernels& kernels, const Frame& frame, const Planes& planes, std::ptrdiff_t row);

 private:
  void blend(const RowKernels& kernels, const Frame& frame, std::size_t line, const Planes& to);
};

void Letterboxer::State::prepare(const Frame& frame, Size size, const Preprocess& preprocess) {
  const Geometry wanted{frame.format, frame.size, region_of(frame), frame.rotation,
                        frame.mirror, size,       preprocess.fit,   preprocess.sampling};
  if (geometry == wanted) return;
  geometry.reset();
  plan = make_sampling_plan(frame, size, preprocess);
  const bool one_channel = is_yuv(frame.format) || frame.format == PixelFormat::kGrey;
  luma.plan(plan.columns.luma, wanted.region.width, one_channel ? 1 : 3);
  if (is_yuv(frame.format)) chroma.plan(plan.columns.chroma, plan.columns.chroma_count, 2);
  if (plan.transposed) {
    tile_row = (plan.columns.luma.size() + kTile - 1) / kTile * kTile;
    tile.resize(3 * kTile * tile_row);
  }
  geometry = wanted;
}

// One line of the stored frame's own orientation.
void Letterboxer::State::blend(const RowKernels& kernels, const Frame& frame, std::size_t line,
                               const Planes& to) {
  const std::size_t count = plan.columns.luma.size();
  const Tap& tap = plan.lines.luma[line];
  RowPair rows;
  luma.get(tap.first, rows.above.data());
  luma.get(tap.second, rows.below.data());
  rows.weight = tap.weight;
  if (is_yuv(frame.format)) {
    const Tap& chroma_tap = plan.lines.chroma[line];
    chroma.get(chroma_tap.first, rows.above.data() + 1);
    chroma.get(chroma_tap.second, rows.below.data() + 1);
    rows.chroma_weight = chroma_tap.weight;
    kernels.blend_yuv(rows, yuv_to_rgb(frame.range, frame.matrix), count, to.data());
    return;
  }
  if (frame.format == PixelFormat::kGrey) {
    rows.above.fill(rows.above[0]);
    rows.below.fill(rows.below[0]);
  }
  kernels.blend_rgb(rows, count, to.data());
}

// Goes through the stored frame in its own order. Where it lies on its side, the lines are the
// input's columns: kTile of them are gathered and then written across.
void Letterboxer::State::run(const RowKernels& kernels, const Frame& frame, const Planes& planes,
                             std::ptrdiff_t row) {
  const std::array<Channel, 3> channels = channels_of(frame);
  if (is_yuv(frame.format)) {
    luma.begin(kernels, std::span(channels).first(1));
    chroma.begin(kernels, std::span(channels).last(2));
  } else {
    luma.begin(kernels, std::span(channels).first(frame.format == PixelFormat::kGrey ? 1 : 3));
  }
  const std::size_t lines = plan.lines.luma.size(), step = plan.transposed ? kTile : 1;
  const std::size_t count = plan.columns.luma.size();
  for (std::size_t line = 0; line < lines; line += step) {
    if (!plan.transposed) {
      Planes to;
      for (std::size_t c = 0; c < 3; ++c)
        to[c] = planes[c] + static_cast<std::ptrdiff_t>(line) * row;
      blend(kernels, frame, line, to);
      continue;
    }
    const std::size_t held = std::min(kTile, lines - line);
    Planes part;
    for (std::size_t c = 0; c < 3; ++c) part[c] = tile.data() + c * kTile * tile_row;
    for (std::size_t i = 0; i < held; ++i) {
      blend(kernels, frame, line + i,
            {part[0] + i * tile_row, part[1] + i * tile_row, part[2] + i * tile_row});
    }
    for (std::size_t c = 0; c < 3; ++c) {
      kernels.transpose(part[c], static_cast<std::ptrdiff_t>(tile_row), held, count,
                        planes[c] + line, row);
    }
  }
}

Letterboxer::Letterboxer(SimdTarget target) : state_(std::make_unique<State>(State{target})) {}
Letterboxer::~Letterboxer() = default;
Letterboxer::Letterboxer(Letterboxer&&) noexcept = default;
Letterboxer& Letterboxer::operator=(Letterboxer&&) noexcept = default;

Placement Letterboxer::fill(const Frame& frame, Size size, const Preprocess& preprocess,
                            const InputView& input) {
  check(frame);
  state_->prepare(frame, size, preprocess);
  const Window& window = state_->plan.window;
  Planes planes;
  for (int c = 0; c < 3; ++c) {
    const InputView plane{input.data + c * input.plane, input.row, input.plane};
    fill_bars(plane, size, window, preprocess.border);
    planes[static_cast<std::size_t>(preprocess.bgr ? 2 - c : c)] =
        plane.data + window.top * input.row + window.left;
  }
  if (const RowKernels* kernels = row_kernels(state_->target)) {
    state_->run(*kernels, frame, planes, input.row);
  } else {
    sample_reference(frame, state_->plan, preprocess.bgr, input);
  }
  return place(frame, size, preprocess);
}

Placement letterbox(const Frame& frame, Size size, const Preprocess& preprocess,
                    std::span<float> input, SimdTarget target) {
  const std::ptrdiff_t plane = std::ptrdiff_t{size.width} * size.height;
  assert(input.size() == static_cast<std::size_t>(plane) * 3);
  return Letterboxer(target).fill(frame, size, preprocess, {input.data(), size.width, plane});
}

}  // namespace oko::image
