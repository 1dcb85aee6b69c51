// oko_web_make_model CFG WEIGHTS NAMES OUT [THRESHOLD | --int8 INPUT]: writes a Darknet model as an
// .oko file. With THRESHOLD it has that of each class, a version, a time and metrics; with INPUT,
// planar floats, it is quantized with the ranges of that one.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

#include "oko/base/error.h"
#include "oko/formats/darknet.h"
#include "oko/graph/about.h"
#include "oko/graph/oko_file.h"
#include "oko/runtime/calibrate.h"

namespace {

std::string text_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw oko::input_error(path, "cannot be read");
  return text.str();
}

void describe(oko::graph::Network& network, float threshold) {
  namespace graph = oko::graph;
  graph::Info info;
  info.version = "1.2.3";
  graph::set_info(network, info);
  graph::set_trained(network, 1'700'000'000);
  graph::Measured measured;
  measured.map50 = .5;
  measured.map = .25;
  measured.dataset = "photos";
  measured.split = "val";
  measured.images = 70;
  measured.hash = graph::content_hash(network);
  graph::set_measured(network, measured);
  graph::set_thresholds(network, std::vector<float>(network.classes.size(), threshold));
}

void quantize(oko::graph::Network& network, const char* input) {
  namespace runtime = oko::runtime;
  const std::string raw = text_of(input);
  std::vector<float> values(raw.size() / sizeof(float));
  std::memcpy(values.data(), raw.data(), values.size() * sizeof(float));
  runtime::Calibrator calibrator(network, 1);
  calibrator.add(values);
  runtime::set_quantization(network, calibrator.result(runtime::Calibration::kMinMax));
}

void make_model(const char* cfg, const char* weights, const char* names, const char* out,
                const char* threshold, const char* input) {
  oko::graph::Network network = oko::formats::read_darknet_cfg(text_of(cfg), cfg);
  oko::formats::as_original_darknet(network);  // which produced the reference results
  const std::string floats = text_of(weights);
  const auto* begin = reinterpret_cast<const std::byte*>(floats.data());
  oko::formats::read_darknet_weights(
      oko::Bytes(std::vector<std::byte>(begin, begin + floats.size())), weights, network);
  network.name = std::filesystem::path(cfg).stem();
  std::istringstream lines(text_of(names));
  for (std::string line; std::getline(lines, line);) network.classes.push_back(line);
  if (threshold != nullptr) describe(network, std::strtof(threshold, nullptr));
  if (input != nullptr) quantize(network, input);
  const auto bytes = oko::graph::write_oko(network);
  std::ofstream file(out, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw oko::input_error(out, "cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
  const bool int8 = argc == 7 && std::string_view(argv[5]) == "--int8";
  if (argc != 5 && argc != 6 && !int8) {
    std::fputs("usage: oko_web_make_model CFG WEIGHTS NAMES OUT [THRESHOLD | --int8 INPUT]\n",
               stderr);
    return 2;
  }
  try {
    make_model(argv[1], argv[2], argv[3], argv[4], argc == 6 ? argv[5] : nullptr,
               int8 ? argv[6] : nullptr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
