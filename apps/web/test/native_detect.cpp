// oko_web_native_detect MODEL PIXELS FORMAT WIDTH HEIGHT RANGE MATRIX ROTATION MIRROR SCORE
// prints what the engine finds in a raw frame, as JSON. The numbers are those of oko.h; PIXELS has
// the planes one after another, with contiguous rows.
#include <oko/oko.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

oko_frame frame_of(const std::vector<char>& pixels, char** numbers) {
  oko_frame frame{};
  frame.struct_size = sizeof frame;
  frame.format = std::atoi(numbers[0]);
  frame.width = std::atoi(numbers[1]);
  frame.height = std::atoi(numbers[2]);
  frame.range = std::atoi(numbers[3]);
  frame.matrix = std::atoi(numbers[4]);
  frame.rotation = std::atoi(numbers[5]);
  frame.mirror = std::atoi(numbers[6]);
  const auto width = static_cast<std::size_t>(frame.width);
  const auto height = static_cast<std::size_t>(frame.height);
  const std::size_t chroma = (width + 1) / 2 * ((height + 1) / 2);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(pixels.data());
  frame.planes[0] = bytes;
  frame.planes[1] = bytes + width * height;
  frame.planes[2] = bytes + width * height + chroma;
  return frame;
}

std::size_t bytes_of(const oko_frame& frame) {
  const auto pixels =
      static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height);
  if (frame.format == OKO_GREY) return pixels;
  if (frame.format <= OKO_BGR) return pixels * 3;
  if (frame.format <= OKO_BGRA) return pixels * 4;
  const auto half = [](int side) { return static_cast<std::size_t>((side + 1) / 2); };
  return pixels + 2 * half(frame.width) * half(frame.height);
}

int fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 11) {
    std::fputs(
        "usage: oko_web_native_detect MODEL PIXELS FORMAT WIDTH HEIGHT RANGE MATRIX ROTATION"
        " MIRROR SCORE\n",
        stderr);
    return 2;
  }
  std::ifstream file(argv[2], std::ios::binary);
  const std::vector<char> pixels{std::istreambuf_iterator<char>(file), {}};
  const oko_frame frame = frame_of(pixels, argv + 3);
  if (pixels.size() != bytes_of(frame)) return fail("PIXELS has the wrong size");
  oko_thresholds thresholds{};
  thresholds.struct_size = sizeof thresholds;
  thresholds.score = std::strtof(argv[10], nullptr);

  oko_model* model = nullptr;
  oko_detector* detector = nullptr;
  const oko_detection* found = nullptr;
  std::size_t count = 0;
  if (oko_model_open_file(argv[1], nullptr, &model) != OKO_OK ||
      oko_detector_create(model, nullptr, &detector) != OKO_OK ||
      oko_detect(detector, &frame, &thresholds, &found, &count) != OKO_OK) {
    return fail(oko_last_error());
  }
  std::puts("[");
  for (std::size_t i = 0; i < count; ++i) {
    const oko_detection& d = found[i];
    std::printf(
        "%s{\"classId\": %d, \"score\": %.9g, \"left\": %.9g, \"top\": %.9g, "
        "\"right\": %.9g, \"bottom\": %.9g}\n",
        i == 0 ? "" : ",", d.class_id, static_cast<double>(d.score), static_cast<double>(d.left),
        static_cast<double>(d.top), static_cast<double>(d.right), static_cast<double>(d.bottom));
  }
  std::puts("]");
  oko_detector_destroy(detector);
  oko_model_close(model);
}
