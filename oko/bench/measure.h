#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "oko/bench/result.h"

namespace oko::bench {

struct Settings {
  std::string file;                  // an .oko file; empty:
  std::span<const std::byte> bytes;  // the bytes of one
  std::string precision = "model";   // "model", "fp32", "fp16", "int8"
  std::string target = "auto";       // one of oko_targets()
  int width = 0, height = 0;         // of the network's input; 0: the model's own
  int frame_width = 1280, frame_height = 720;
  int threads = 1;
  int warm_up = 3;  // frames before the timed ones
  int rounds = 0;   // timed frames; 0: as many as fit in two seconds, at least 5
};

// The value of oko_precision for one of those words, or -1.
std::int32_t precision_named(const std::string& word);

// Opens the model through oko.h and detects in frames of synthetic noise, in the format of a camera
// (NV12), as an app does. Throws an input Error with the library's message if it cannot.
Result measure(const Settings& settings);

}  // namespace oko::bench
