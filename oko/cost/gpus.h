#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace oko::cost {

// How fast a GPU trains convolutional networks, by public benchmarks. A row of gpus.csv.
struct Gpu {
  std::string name;                  // "T4", as in prices.csv and --on
  std::vector<std::string> aliases;  // other names: "NVIDIA_TESLA_T4"
  double memory_gb = 0;
  bool half = true;  // trains in 16 bits
  // Images a second that one GPU trains: SSD300 with ResNet-50, and ResNet-50.
  double ssd300 = 0, resnet50 = 0;
  // The two figures are right within this factor, in the benchmark's own program.
  double spread = 1;
  bool measured = false;  // else estimated from memory bandwidth
  std::string source, commit, read;
};

// The table compiled in.
const std::vector<Gpu>& gpus();

// Throws an input Error "name:line" for what cannot be right: rates that no GPU has, or that do not
// fit each other; names listed twice; no source, commit or date.
std::vector<Gpu> parse_gpus(std::string_view text, const std::string& name);

// By name or alias, in any case, with or without spaces, '-', "NVIDIA", "GeForce", "GB": "a100-80"
// is "A100 80GB". Null if there is none.
const Gpu* find_gpu(std::string_view name);
// The same; throws a usage Error at `place` that names the nearest and lists all.
const Gpu& gpu_named(std::string_view name, const std::string& place);

}  // namespace oko::cost
