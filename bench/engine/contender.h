#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::bench {

// What a contender is given. The folder holds the network in every engine's format:
// fp32.oko, int8.oko; fp32.param, fp32.bin, int8.param, int8.bin (ncnn); fp32.onnx, int8.onnx;
// darknet.cfg (without the heads), darknet.weights; ranges.json; and input.f32, one planar input.
struct Job {
  std::string folder, precision;  // "fp32" or "int8"
  int threads = 1;
  // From network.json: small, so that no contender reads a model twice.
  graph::Shape shape;  // of the input
  std::size_t heads = 0;
  std::vector<float> input;
  std::string file(const std::string& name) const;
};
Job read_job(const std::string& folder, const std::string& precision, int threads);
std::string write_job(const graph::Network& network);  // network.json

std::vector<float> read_floats(const std::string& file);  // raw, little-endian

// One engine with the network opened.
class Contender {
 public:
  virtual ~Contender() = default;
  // One picture, from the planar input to planar heads.
  virtual void run() = 0;
  virtual std::vector<std::vector<float>> heads() = 0;  // of the last run
};

// The program around a contender: `PROGRAM FOLDER PRECISION THREADS HEADS_FILE`. It opens the
// network, runs it once, writes the heads to HEADS_FILE and says "ready KILOBYTES", the memory this
// process had taken before. Then it sleeps until told "run N", runs N times after one run for the
// caches, and answers with N pairs of nanoseconds: passed, and spent by its threads together. It
// ends when its input does.
int serve(int argc, char** argv, const std::function<std::unique_ptr<Contender>(const Job&)>& open);

}  // namespace oko::bench
