// Runs the ncnn wrapper: argv are a folder with frame.rgba and outputs <name>.f32, the frame's size
// and the names. Writes input.f32 and prints boxes.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "model_detector.h"

namespace wrapper = model_detector;

std::vector<char> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int main(int argc, char** argv) {
  const std::string folder = argv[1];
  const int width = std::atoi(argv[2]), height = std::atoi(argv[3]);
  const std::vector<char> pixels = read(folder + "/frame.rgba");
  wrapper::Frame frame;
  frame.data = reinterpret_cast<const std::uint8_t*>(pixels.data());
  frame.width = width;
  frame.height = height;
  frame.stride = 4 * width;
  const ncnn::Mat input = wrapper::Detector::input_of(frame);
  std::ofstream out(folder + "/input.f32", std::ios::binary);
  for (int c = 0; c < 3; ++c) {
    const float* plane = input.channel(c);
    out.write(reinterpret_cast<const char*>(plane), std::streamsize{4} * input.w * input.h);
  }
  out.close();
  std::vector<wrapper::Detection> found;
  if (argc == 5) {  // a model's name: run it
    wrapper::Detector detector(folder + "/" + argv[4] + ".param", folder + "/" + argv[4] + ".bin");
    found = detector.detect(frame);
  } else {
    std::vector<ncnn::Mat> maps;
    for (int i = 4; i + 3 < argc; i += 4) {
      const std::vector<char> numbers = read(folder + "/" + argv[i] + ".f32");
      const int w = std::atoi(argv[i + 1]), h = std::atoi(argv[i + 2]), c = std::atoi(argv[i + 3]);
      maps.emplace_back(w, h, c);
      for (int k = 0; k < c; ++k) {
        const std::size_t plane = std::size_t{4} * static_cast<std::size_t>(w * h);
        std::memcpy(static_cast<float*>(maps.back().channel(k)),
                    numbers.data() + static_cast<std::size_t>(k) * plane, plane);
      }
    }
    found = wrapper::Detector::decode(maps, width, height);
  }
  for (const wrapper::Detection& d : found) {
    std::printf("%d %.9g %.9g %.9g %.9g %.9g\n", static_cast<int>(d.kind), d.score, d.left, d.top,
                d.right, d.bottom);
  }
}
