#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "oko/graph/network.h"

namespace oko::bench {

// The input of a contender. The folder contains the network in every engine's format: fp32.oko,
// int8.oko; fp32.param, fp32.bin, int8.param, int8.bin (ncnn); fp32.onnx, int8.onnx; darknet.cfg
// (without the heads), darknet.weights; steps.json, weights.f32 (peer_files.h); ranges.json;
// input.f32, one planar input; and heads.f32, what the reference implementation makes of it.
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

// An engine with an open network.
class Contender {
 public:
  virtual ~Contender() = default;
  // Runs one image, from the planar input to planar heads.
  virtual void run() = 0;
  virtual std::vector<std::vector<float>> heads() = 0;  // of the last run
};

// The main program of a contender: `PROGRAM FOLDER PRECISION THREADS HEADS_FILE`. It opens the
// network, runs it once, writes the heads to HEADS_FILE and prints "ready KILOBYTES", the memory
// the process used before. Then it sleeps until it reads "run N", runs N times after one warm-up
// run, and answers with N pairs of nanoseconds: wall time, and CPU time of all threads. It ends
// when its input ends.
int serve(int argc, char** argv, const std::function<std::unique_ptr<Contender>(const Job&)>& open);

}  // namespace oko::bench
