#include "oko/train/estimate.h"

#include <fmt/format.h>
#include <sys/resource.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <fstream>
#include <string>

#include "oko/graph/cost.h"

namespace oko::train {
namespace {

// A convolution with batch norm keeps its input (counted at the preceding layer) and its output
// before the norm; the activation works in place on the norm's output. Everything else keeps its
// output.
double maps_kept(const graph::Layer& layer) {
  if (const auto* conv = std::get_if<graph::Convolution>(&layer.operation)) {
    return conv->batch_norm ? 2 : 1;
  }
  if (std::holds_alternative<graph::MaxPool>(layer.operation)) return 3;  // plus 64-bit indices
  if (std::holds_alternative<graph::Dropout>(layer.operation)) return 2;  // plus its mask
  if (graph::is_head(layer.operation)) return 0;
  return 1;
}

std::int64_t read_number(const char* path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  return file >> value ? value : 0;
}

}  // namespace

MemoryEstimate estimate_memory(const graph::Network& network, const EstimateOptions& options) {
  MemoryEstimate estimate;
  const graph::LayerCost cost = graph::total_cost(network);
  estimate.parameters = cost.parameters * 4 * (3 + options.moments);
  double maps = 0, largest = 0;
  for (const auto& layer : network.layers) {
    const double count = static_cast<double>(layer.output.count());
    maps += maps_kept(layer) * count;
    largest = std::max(largest, count);
  }
  maps += 4 * largest;  // gradients in flight and the library's reordered copies
  estimate.activations =
      static_cast<std::int64_t>(maps * options.batch * (options.half_precision ? 2 : 4));
  estimate.pictures =
      options.cache_bytes + network.input.count() * 4 * options.batch * (options.batches_ahead + 1);
  return estimate;
}

std::int64_t available_memory() {
  std::int64_t available = 0;
  std::ifstream info("/proc/meminfo");
  std::string key, unit;
  for (std::int64_t kib; info >> key >> kib; std::getline(info, unit)) {
    if (key == "MemAvailable:") available = kib * 1024;
  }
  const std::int64_t limit = read_number("/sys/fs/cgroup/memory.max");
  if (limit > 0) {
    const std::int64_t left = limit - read_number("/sys/fs/cgroup/memory.current");
    available = available > 0 ? std::min(available, left) : left;
  }
  return available;
}

std::int64_t peak_resident_memory() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
  return usage.ru_maxrss;
#else
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
#endif
}

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

std::string human_bytes(std::int64_t bytes) {
  const double b = static_cast<double>(bytes);
  if (b >= 1e9) return fmt::format("{:.1f} GB", b / 1e9);
  if (b >= 1e6) return fmt::format("{:.0f} MB", b / 1e6);
  return fmt::format("{:.0f} KB", b / 1e3);
}

std::string human_seconds(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + .5);
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace oko::train
