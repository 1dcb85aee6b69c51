// How long the phone library takes to open a model whose packed weights are in a warm cache.
//   oko_bench_model_open MODEL.oko CACHE [ROUNDS]
// CACHE is a file that it may write. Prints the fastest and the median time, and those of copying
// the bytes of the cache in memory, to compare.
#include <time.h>

#include <oko/oko.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

double milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

void show(const char* name, std::vector<double>& times) {
  std::sort(times.begin(), times.end());
  std::printf("%-22s fastest %6.2f ms, median %6.2f ms\n", name, times.front(),
              times[times.size() / 2]);
}

void open(const char* path, const oko::phone::ModelOptions& options, bool wants_hit) {
  const auto model = oko::phone::Model::open(path, options);
  const char* why = !model                                 ? model.error().text.c_str()
                    : model->info().cache_hit == wants_hit ? nullptr
                                                           : "the cache cannot be used";
  if (why == nullptr) return;
  std::fprintf(stderr, "%s\n", why);
  std::exit(1);
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) {
    std::fprintf(stderr, "usage: %s MODEL.oko CACHE [ROUNDS]\n", words[0]);
    return 2;
  }
  oko::phone::ModelOptions options;
  options.cache_path = words[2];
  std::remove(words[2]);
  open(words[1], options, false);
  std::ifstream file(words[2], std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<double> opened, read;
  std::vector<char> copy(bytes.size());
  for (int i = count > 3 ? std::atoi(words[3]) : 15; i > 0; --i) {
    double start = milliseconds();
    open(words[1], options, true);
    opened.push_back(milliseconds() - start);
    start = milliseconds();
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    read.push_back(milliseconds() - start);
  }
  std::printf("%.1f MB of packed weights\n", static_cast<double>(bytes.size()) / 1e6);
  show("opened from the cache", opened);
  show("copied in memory", read);
}
