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

// What determines the sampling plan and buffer sizes.
struct Geometry {
  PixelFormat format;
  int chroma_step;
  Size frame;
  Region region;
  Rotation rotation;
  bool mirror;
  Size input;
  Preprocess::Fit fit;
  Preprocess::Sampling sampling;
  bool operator==(const Geometry&) const = default;
};

// Of red, green and blue.
struct Normalization {
  std::array<float, 3> factor{}, offset{};
};

using Planes = std::array<float*, 3>;

Planes shifted(const Planes& planes, std::ptrdiff_t floats) {
  return {planes[0] + floats, planes[1] + floats, planes[2] + floats};
}

// Lines written across at a time: a cache line of the input.
constexpr std::ptrdiff_t kTile = 64 / sizeof(float);

// Prefetches the lines that a tile will be written to while it is still being computed: they are
// too far apart for the hardware prefetcher.
void fetch_lines(const Planes& planes, std::ptrdiff_t row, std::ptrdiff_t begin,
                 std::ptrdiff_t end) {
  for (std::ptrdiff_t i = begin; i < end; ++i) {
    for (const float* plane : planes) __builtin_prefetch(plane + i * row, 1, 2);
  }
}

// Size of the first tile, after which the others start on a cache line.
std::ptrdiff_t first_tile(const float* to) {
  const auto past =
      static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(to) / sizeof(float) % kTile);
  return kTile - past;
}

}  // namespace

struct Letterboxer::State {
  SimdTarget target;
  std::optional<Geometry> geometry{};
  std::optional<Normalization> normalization{};
  SamplingPlan plan{};
  Rows luma{}, chroma{};  // luma: also R, G, B together
  RowBuffer<float> tile{};
  std::ptrdiff_t tile_row = 0;

  void prepare(const Frame& frame, Size size, const Preprocess& preprocess);
  void run(const RowKernels& kernels, const Frame& frame, const Planes& planes, std::ptrdiff_t row);

 private:
  void begin(const RowKernels& kernels, const Frame& frame);
  void blend(const RowKernels& kernels, const Frame& frame, std::ptrdiff_t index, const Planes& to);
  void normalize(std::size_t count, const Planes& planes) const;
};

void Letterboxer::State::prepare(const Frame& frame, Size size, const Preprocess& preprocess) {
  const Geometry wanted{frame.format,       chroma_step(frame), frame.size, region_of(frame),
                        frame.rotation,     frame.mirror,       size,       preprocess.fit,
                        preprocess.sampling};
  normalization.reset();
  if (preprocess.normalizes()) {
    Normalization& n = normalization.emplace();
    for (int colour = 0; colour < 3; ++colour) {
      const int c = preprocess.bgr ? 2 - colour : colour;
      n.factor[colour] = preprocess.scale[c];
      n.offset[colour] = -preprocess.mean[c] * preprocess.scale[c];
    }
  }
  if (geometry == wanted) return;
  geometry.reset();
  plan = make_sampling_plan(frame, size, preprocess);
  luma.plan(plan.columns.luma, wanted.region.width, bytes_per_pixel(frame.format));
  if (is_yuv(frame.format)) {
    chroma.plan_chroma(plan.columns.chroma, plan.columns.chroma_count, wanted.chroma_step);
  }
  if (plan.transposed) {
    tile_row = (std::ssize(plan.columns.luma) + kTile - 1) / kTile * kTile;
    tile.resize(static_cast<std::size_t>(3 * kTile * tile_row));
  }
  geometry = wanted;
}

// One line of the stored frame's own orientation, while it is in the cache.
void Letterboxer::State::blend(const RowKernels& kernels, const Frame& frame, std::ptrdiff_t index,
                               const Planes& to) {
  const auto line = static_cast<std::size_t>(index);
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
    normalize(count, to);
    return;
  }
  if (frame.format == PixelFormat::kGrey) {
    rows.above.fill(rows.above[0]);
    rows.below.fill(rows.below[0]);
  }
  kernels.blend_rgb(rows, count, to.data());
  normalize(count, to);
}

void Letterboxer::State::normalize(std::size_t count, const Planes& planes) const {
  if (!normalization) return;
  for (std::size_t c = 0; c < 3; ++c) {
    const float factor = normalization->factor[c], offset = normalization->offset[c];
    float* const line = planes[c];
    for (std::size_t i = 0; i < count; ++i) line[i] = line[i] * factor + offset;
  }
}

void Letterboxer::State::begin(const RowKernels& kernels, const Frame& frame) {
  const std::array<Channel, 3> channels = channels_of(frame);
  if (is_yuv(frame.format)) {
    luma.begin(kernels, std::span(channels).first(1));
    chroma.begin(kernels, std::span(channels).last(2));
  } else {
    luma.begin(kernels, channels);
  }
}

// Iterates over the stored frame in its own order, whatever its orientation.
void Letterboxer::State::run(const RowKernels& kernels, const Frame& frame, const Planes& planes,
                             std::ptrdiff_t row) {
  begin(kernels, frame);
  const std::ptrdiff_t lines = std::ssize(plan.lines.luma);
  if (!plan.transposed) {
    for (std::ptrdiff_t i = 0; i < lines; ++i) blend(kernels, frame, i, shifted(planes, i * row));
    return;
  }
  // The lines are the input's columns: a tile of them is gathered and written across.
  const std::ptrdiff_t count = std::ssize(plan.columns.luma);
  const Planes part{tile.data(), tile.data() + kTile * tile_row,
                    tile.data() + 2 * kTile * tile_row};
  for (std::ptrdiff_t first = 0, held = 0; first < lines; first += held) {
    held = std::min(first == 0 ? first_tile(planes[0]) : kTile, lines - first);
    for (std::ptrdiff_t i = 0; i < held; ++i) {
      fetch_lines(shifted(planes, first), row, i * count / held, (i + 1) * count / held);
      blend(kernels, frame, first + i, shifted(part, i * tile_row));
    }
    for (std::size_t c = 0; c < 3; ++c) {
      kernels.transpose(part[c], tile_row, held, count, planes[c] + first, row);
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
    fill_bars(plane, size, window, preprocess.normalized(preprocess.border, c));
    planes[preprocess.bgr ? 2 - c : c] = plane.data + window.top * input.row + window.left;
  }
  if (const RowKernels* kernels = row_kernels(state_->target)) {
    state_->run(*kernels, frame, planes, input.row);
  } else {
    sample_reference(frame, state_->plan, preprocess, input);
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
