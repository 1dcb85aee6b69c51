// oko_web_make_model CFG WEIGHTS NAMES OUT: writes a Darknet model as an .oko file.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "oko/base/error.h"
#include "oko/formats/darknet.h"
#include "oko/graph/oko_file.h"

namespace {

std::string text_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw oko::input_error(path, "cannot be read");
  return text.str();
}

void make_model(const char* cfg, const char* weights, const char* names, const char* out) {
  oko::graph::Network network = oko::formats::read_darknet_cfg(text_of(cfg), cfg);
  oko::formats::as_original_darknet(network);  // which produced the reference results
  const std::string floats = text_of(weights);
  const auto* begin = reinterpret_cast<const std::byte*>(floats.data());
  oko::formats::read_darknet_weights(
      oko::Bytes(std::vector<std::byte>(begin, begin + floats.size())), weights, network);
  network.name = std::filesystem::path(cfg).stem();
  std::istringstream lines(text_of(names));
  for (std::string line; std::getline(lines, line);) network.classes.push_back(line);
  const auto bytes = oko::graph::write_oko(network);
  std::ofstream file(out, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw oko::input_error(out, "cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: oko_web_make_model CFG WEIGHTS NAMES OUT\n", stderr);
    return 2;
  }
  try {
    make_model(argv[1], argv[2], argv[3], argv[4]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
