#include "oko/cost/gpus.h"

#include <algorithm>
#include <array>
#include <set>

#include "oko/base/suggest.h"
#include "oko/cost/operations.h"
#include "oko/cost/table.h"
#include "oko/cost/tables.h"

namespace oko::cost {
namespace {

constexpr auto kColumns =
    std::to_array<std::string_view>({"gpu", "aliases", "memory_gb", "half", "ssd300", "resnet50",
                                     "spread", "basis", "source", "commit", "read"});

// What all spellings of a name have in common.
std::string key_of(std::string_view name) {
  std::string key;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') key += static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) key += c;
  }
  for (const std::string_view word : {"nvidia", "geforce", "tesla", "gb"}) {
    const std::size_t at = key.find(word);
    if (at != std::string::npos) key.erase(at, word.size());
  }
  return key;
}

std::vector<std::string> words_of_cell(const std::string& cell) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < cell.size();) {
    const std::size_t end = std::min(cell.find(' ', at), cell.size());
    if (end > at) words.push_back(cell.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

Gpu gpu_of(const Row& row) {
  Gpu gpu;
  gpu.name = row.text("gpu");
  if (!row.is_empty("aliases")) gpu.aliases = words_of_cell(row.text("aliases"));
  gpu.memory_gb = row.number("memory_gb", 1, 10000);
  gpu.half = row.yes("half");
  gpu.ssd300 = row.number("ssd300", 1, 1e5);
  gpu.resnet50 = row.number("resnet50", 1, 1e6);
  gpu.spread = row.number("spread", 1, 3);
  gpu.measured = row.text("basis") == "benchmark";
  if (!gpu.measured && row.text("basis") != "bandwidth") {
    row.refuse("basis", "is neither benchmark nor bandwidth");
  }
  gpu.source = row.text("source");
  gpu.commit = row.commit("commit");
  gpu.read = row.day("read");
  const Speed speed = speed_of(gpu);
  if (!(speed.seconds_per_gmac > 0 && speed.seconds_per_value > 0)) {
    row.refuse("resnet50", "does not fit ssd300: no network of such operations is as fast",
               "ResNet-50 trains 3.0 to 4.7 times as many images a second as SSD300");
  }
  return gpu;
}

}  // namespace

std::vector<Gpu> parse_gpus(std::string_view text, const std::string& name) {
  std::vector<Gpu> all;
  std::set<std::string> keys;
  for (const Row& row : read_table(text, name, kColumns)) {
    Gpu gpu = gpu_of(row);
    std::set<std::string> own = {key_of(gpu.name)};
    for (const std::string& alias : gpu.aliases) own.insert(key_of(alias));
    for (const std::string& key : own) {
      if (key.empty()) row.refuse("gpu", "has no letters or digits");
      if (!keys.insert(key).second) row.refuse("gpu", "has a name that is listed twice");
    }
    all.push_back(std::move(gpu));
  }
  return all;
}

const std::vector<Gpu>& gpus() {
  static const std::vector<Gpu> all = parse_gpus(kGpuTable, "gpus.csv");
  return all;
}

const Gpu* find_gpu(std::string_view name) {
  const std::string key = key_of(name);
  for (const Gpu& gpu : gpus()) {
    if (key_of(gpu.name) == key) return &gpu;
    for (const std::string& alias : gpu.aliases) {
      if (key_of(alias) == key) return &gpu;
    }
  }
  return nullptr;
}

const Gpu& gpu_named(std::string_view name, const std::string& place) {
  if (const Gpu* gpu = find_gpu(name)) return *gpu;
  std::vector<std::string_view> names;
  for (const Gpu& gpu : gpus()) names.emplace_back(gpu.name);
  throw unknown_word(ErrorCode::kUsage, place, "the GPU", name, names);
}

}  // namespace oko::cost
