#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/json.h"

// How fast a model detects on a machine: what is measured (measure.h) and how it is written down.
namespace oko::bench {

// Of the timed frames, in milliseconds. p90: nine of ten frames took at most this long.
struct Spread {
  double fastest = 0, median = 0, p90 = 0;
};
// `times` is not empty.
Spread spread_of(std::vector<double> times);

struct Result {
  std::string library, target, precision;  // "0.1.0", "neondot", "int8"
  std::vector<std::string> targets;        // all that the machine can run, best first
  std::string abi, processor;              // "arm64-v8a"; "4x Cortex-A55, 4x Cortex-A76"
  int cores = 0;
  std::string model;          // its name, may be empty
  int width = 0, height = 0;  // of the network's input
  int classes = 0, heads = 0;
  double flop = 0;  // per image, a multiply and an add as 2
  int frame_width = 0, frame_height = 0;
  int threads = 0, warm_up = 0, rounds = 0;
  double open_ms = 0;  // opening the model, with packing its weights
  std::uint64_t weight_bytes = 0, activation_bytes = 0;
  std::uint64_t peak_bytes = 0;            // of the process at most; 0: unknown
  Spread total, prepare, network, decode;  // of a frame, and of its parts
};

// docs/bench.md describes it.
Json to_json(const Result& result);

// Reads what a program on another machine has printed, which may be anything. Throws an input Error
// at `name` if it is not such a document, with the other program's own message if it is an error's.
inline constexpr std::size_t kMostText = 1 << 20;
Result read_result(std::string_view text, const std::string& name);

}  // namespace oko::bench
