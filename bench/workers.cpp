// How training scales with several workers: seconds of an update of the same batch, and apart from
// it of the sums of its gradients. Started by workers.sh, which sets what a launcher does.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "oko/base/clock.h"
#include "oko/graph/builtin.h"
#include "oko/train/estimate.h"
#include "oko/train/gradient_sum.h"
#include "oko/train/optimizer.h"
#include "oko/train/step.h"
#include "random_batch.h"

namespace oko::bench {
namespace {

using train::Workers;

struct Options {
  std::string network = "yolov3-tiny";
  int batch = 8, size = 0, rounds = 5;
};

// What has left the loopback device of this network namespace, in bytes.
double bytes_sent() {
  std::ifstream devices("/proc/net/dev");
  for (std::string line; std::getline(devices, line);) {
    const std::size_t colon = line.find("lo:");
    if (colon == std::string::npos) continue;
    std::istringstream numbers(line.substr(colon + 3));
    double received = 0;
    numbers >> received;  // what arrives is what was sent
    return received;
  }
  return 0;
}

// Of all threads of this process, in seconds.
double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// The part of a batch that this worker has.
dataset::Batch share(const dataset::Batch& whole, const Workers* workers) {
  const std::size_t rank = workers == nullptr ? 0 : static_cast<std::size_t>(workers->rank());
  const std::size_t size = workers == nullptr ? 1 : static_cast<std::size_t>(workers->size());
  const std::size_t count = whole.truths.size(), image = whole.inputs.size() / count;
  const std::size_t first = count * rank / size, last = count * (rank + 1) / size;
  dataset::Batch part;
  part.size = whole.size;
  part.first = first;
  part.inputs.assign(whole.inputs.begin() + static_cast<std::ptrdiff_t>(first * image),
                     whole.inputs.begin() + static_cast<std::ptrdiff_t>(last * image));
  part.truths.assign(whole.truths.begin() + static_cast<std::ptrdiff_t>(first),
                     whole.truths.begin() + static_cast<std::ptrdiff_t>(last));
  return part;
}

void run(const Options& options) {
  train::keep_freed_memory();
  train::Recipe recipe;
  recipe.device = "cpu";
  recipe.precision = train::ComputeType::kFloat32;
  recipe.threads = 1;
  const auto launch = train::read_launch([](const char* name) { return std::getenv(name); });
  const auto workers = launch ? train::join_workers(*launch, {}) : nullptr;
  const graph::Network network =
      graph::make_builtin(options.network, {.width = options.size, .height = options.size});
  train::TrainingStep step(network, recipe, workers.get());
  train::Optimizer optimizer(step.module().parameters(), {train::OptimizerKind::kSgd});
  const dataset::Batch batch = share(random_batch(network, options.batch), workers.get());

  std::optional<train::GradientSum> alone;
  if (workers) alone.emplace(step.module().parameters(), *workers);

  std::vector<double> updates, processor, sums, waits, bytes;
  for (int round = -1; round < options.rounds; ++round) {  // the first one plans and allocates
    if (workers) workers->any(false);                      // all begin together
    const double waited = workers ? workers->traffic().waited_seconds : 0;
    const double sent = bytes_sent();
    const double processor_start = processor_seconds();
    const auto start = Clock::now();
    step.begin_update();
    step.accumulate(batch, round + 1, 1. / options.batch, true);
    optimizer.step(1e-4);
    if (round >= 0) updates.push_back(seconds_since(start));
    if (round >= 0) processor.push_back(processor_seconds() - processor_start);
    if (!workers) continue;
    if (round >= 0) waits.push_back(workers->traffic().waited_seconds - waited);
    workers->any(false);
    if (round >= 0) bytes.push_back(bytes_sent() - sent);
    const auto sum_start = Clock::now();
    alone->begin();
    alone->finish();
    if (round >= 0) sums.push_back(seconds_since(sum_start));
  }
  if (workers && !workers->leads()) return;
  const auto best = [](const std::vector<double>& v) {
    return v.empty() ? 0 : *std::min_element(v.begin(), v.end());
  };
  const int size = workers ? workers->size() : 1;
  const double gradient = 4. * static_cast<double>(step.module().parameters().gradient().numel());
  fmt::print(
      "{} workers: update {:.3f} s, {:.3f} s of the processor for each; waited {:.3f} s for sums, "
      "sums alone {:.3f} s; {:.2f} MB sent by all ({:.2f} MB are 2(N-1) gradients)\n",
      size, best(updates), best(processor), best(waits), best(sums), best(bytes) / 1e6,
      2 * (size - 1) * gradient / 1e6);
}

}  // namespace
}  // namespace oko::bench

int main(int argc, char** argv) {
  oko::bench::Options options;
  CLI::App app("Times updates with several workers", "oko_bench_workers");
  app.add_option("--network", options.network, "Built-in network")->capture_default_str();
  app.add_option("--batch", options.batch, "Images of an update, of all workers together")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--size", options.size, "Input side in pixels (0: the network's)");
  app.add_option("--rounds", options.rounds, "Updates; the fastest is shown")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    oko::bench::run(options);
  } catch (const std::exception& e) {
    fmt::print(stderr, "oko_bench_workers: {}\n", e.what());
    return 1;
  }
}
