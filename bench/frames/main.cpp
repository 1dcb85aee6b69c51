// From an NV12 camera frame to a 416 x 416 network input: time per frame on one thread. All
// contenders take turns in one run, so that other load affects them equally.
//
//   oko_bench_frames [ROUNDS] [TARGET]      TARGET: an instruction set for oko, such as avx2
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "contender.h"
#include "oko/base/random.h"

namespace oko::bench {
namespace {

using image::Frame;
using image::Rotation;
using image::Size;

// Gradients of brightness and colour with a little noise.
class Picture {
 public:
  explicit Picture(Size size) {
    frame_.format = image::PixelFormat::kNv12;
    frame_.size = size;
    Random random(1);
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) {
        const double wave = 60 * std::sin(x / 31.) + 40 * std::sin(y / 17.);
        luma_.push_back(static_cast<std::uint8_t>(126 + wave + random.uniform(-4, 4)));
        if (x % 2 == 0 && y % 2 == 0) {
          chroma_.push_back(static_cast<std::uint8_t>(128 + 40 * std::sin(x / 90.)));
          chroma_.push_back(static_cast<std::uint8_t>(128 + 40 * std::cos(y / 70.)));
        }
      }
    }
    frame_.planes = {luma_.data(), chroma_.data()};
  }
  Frame turned(Rotation rotation) const {
    Frame frame = frame_;
    frame.rotation = rotation;
    return frame;
  }

 private:
  Frame frame_;
  std::vector<std::uint8_t> luma_, chroma_;
};

void add_oko(const Frame& frame, SimdTarget target, Contender& contender) {
  const auto letterboxer = std::make_shared<image::Letterboxer>(target);
  constexpr std::ptrdiff_t kPlane = std::ptrdiff_t{kInput.width} * kInput.height;
  contender.input.resize(3 * kPlane);
  contender.fill = [frame, letterboxer, &contender] {
    letterboxer->fill(frame, kInput, {}, {contender.input.data(), kInput.width, kPlane});
  };
}

void take_turns(std::vector<Contender>& contenders, int rounds) {
  using Clock = std::chrono::steady_clock;
  for (int round = -1; round < rounds; ++round) {  // the first one warms up
    for (Contender& c : contenders) {
      const auto start = Clock::now();
      c.fill();
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      if (round >= 0) c.seconds.push_back(seconds);
    }
  }
  for (Contender& c : contenders) std::sort(c.seconds.begin(), c.seconds.end());
}

double mean_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(double{a[i]} - double{b[i]});
  return sum / static_cast<double>(a.size());
}

void print(Size size, int degrees, const std::vector<Contender>& contenders) {
  const Contender& oko = contenders.front();
  for (const Contender& c : contenders) {
    const double median = c.seconds[c.seconds.size() / 2];
    std::printf("%5dx%-5d %3d  %-32s %8.1f %8.1f %8.2f   %.4f\n", size.width, size.height, degrees,
                c.name.c_str(), c.seconds.front() * 1e6, median * 1e6,
                median / oko.seconds[oko.seconds.size() / 2], mean_difference(c.input, oko.input));
  }
}

void run(int rounds, SimdTarget target) {
  std::printf("frame    rotated %-30s min (us)   median  / oko   mean difference\n", "");
  for (const Size size : {Size{640, 360}, Size{1280, 720}, Size{1920, 1080}}) {
    const Picture picture(size);
    for (const Rotation rotation : {Rotation::k0, Rotation::k90}) {
      const Frame frame = picture.turned(rotation);
      std::vector<Contender> contenders;
      contenders.reserve(3);  // they are pointed to
      add_oko(frame, target,
              contenders.emplace_back(Contender{std::string("oko, ") + name_of(target)}));
#if defined(OKO_HAS_LIBYUV)
      add_libyuv(frame, false,
                 contenders.emplace_back(Contender{"libyuv: convert, scale, divide"}));
      add_libyuv(frame, true, contenders.emplace_back(Contender{"libyuv: scale, convert, divide"}));
#endif
      take_turns(contenders, rounds);
      print(size, static_cast<int>(rotation), contenders);
    }
  }
}

}  // namespace
}  // namespace oko::bench

int main(int count, char** arguments) {
  const int rounds = count > 1 ? std::atoi(arguments[1]) : 300;
  const auto target = count > 2 ? oko::simd_target_named(arguments[2]) : oko::best_simd_target();
  if (rounds < 1 || !target) {
    std::fprintf(stderr, "usage: oko_bench_frames [ROUNDS] [TARGET]\n");
    return 2;
  }
  oko::bench::run(rounds, *target);
  return 0;
}
