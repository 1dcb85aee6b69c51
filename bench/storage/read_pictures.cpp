// Reads the images of a dataset once, in the order of a shuffled epoch, without decoding them:
//   oko_bench_read_pictures URI
// Prints "PICTURES MEGABYTES SECONDS_OF_ANNOTATIONS SECONDS_OF_PICTURES".
#include <fmt/format.h>

#include <chrono>
#include <iostream>
#include <numeric>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/base/threads.h"
#include "oko/dataset/read.h"

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: oko_bench_read_pictures URI\n";
    return 2;
  }
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  const auto begin = Clock::now();
  const oko::dataset::Dataset data = oko::dataset::read(argv[1]);
  const double annotations = seconds_since(begin);

  std::vector<std::size_t> order(data.samples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  oko::Random(1).shuffle(std::span(order));
  const auto middle = Clock::now();
  oko::dataset::read_ahead(data, order);
  std::vector<std::size_t> bytes(order.size());
  oko::ThreadPool(1).parallel_for(order.size(), [&](std::size_t i) {
    bytes[i] = oko::dataset::picture_bytes(data, data.samples[order[i]]).size();
  });
  const double pictures = seconds_since(middle);
  const double all = static_cast<double>(std::accumulate(bytes.begin(), bytes.end(), 0UL));
  std::cout << fmt::format("{} {:.1f} {:.3f} {:.3f}\n", bytes.size(), all / 1e6, annotations,
                           pictures);
} catch (const oko::Error& e) {
  std::cerr << e.what() << '\n';
  return static_cast<int>(e.code());
}
