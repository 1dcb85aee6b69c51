// Training speed in images per second: forward, loss, backward and SGD, for oko and the same
// network in plain LibTorch. All contenders take turns in one run, so that other load affects them
// equally; the median of the rounds is used.
#include <ATen/autocast_mode.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <memory>
#include <stdexcept>

#include "oko/graph/builtin.h"
#include "oko/train/device.h"
#include "oko/train/estimate.h"
#include "oko/train/optimizer.h"
#include "oko/train/setup.h"
#include "oko/train/step.h"
#include "plain_network.h"
#include "random_batch.h"

namespace oko::bench {
namespace {

using train::LossOptions;
using train::LossSums;
using train::Recipe;

constexpr double kRate = 1e-4, kMomentum = .9, kDecay = 5e-4;

struct Options {
  std::string network = "yolov3-tiny", only;
  int batch = 8, size = 0, rounds = 5, threads = 0;
};

struct Contender {
  std::string name;
  std::function<double()> step;                        // returns the loss
  std::vector<double> seconds{}, processor_seconds{};  // of each step
  double first_loss = 0;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Of all threads of this program.
double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

Contender oko(const std::string& precision, const graph::Network& network, Recipe recipe,
              const dataset::Batch& batch) {
  recipe.precision = value_named<train::ComputeType>(precision).value();
  const auto step = std::make_shared<train::TrainingStep>(network, recipe);
  train::OptimizerOptions options{train::OptimizerKind::kSgd};
  options.momentum = kMomentum;
  options.weight_decay = kDecay;
  const auto optimizer = std::make_shared<train::Optimizer>(step->module().parameters(), options);
  const auto count = std::make_shared<std::int64_t>(0);
  return {"oko, " + precision, [=, &batch] {
            at::Tensor gradient = step->module().parameters().gradient();
            gradient.zero_();
            const double n = static_cast<double>(batch.truths.size());
            const LossSums loss = step->accumulate(batch, (*count)++, 1 / n, true);
            optimizer->step(kRate);
            return loss.total();
          }};
}

// The loss of all heads, with the same code as oko's, and its gradient with respect to the outputs.
double plain_loss(const graph::Network& network, const dataset::Batch& batch,
                  const LossOptions& options, const std::vector<at::Tensor>& outputs,
                  std::vector<at::Tensor>& gradients) {
  const train::HeadKind& kind = train::head_kind(network, network.name);
  const std::vector<int> heads = network.heads();
  std::vector<at::Tensor> raws;
  for (const at::Tensor& output : outputs) {
    raws.push_back(output.detach().contiguous());
    gradients.push_back(at::empty_like(raws.back()));
  }
  std::vector<std::vector<train::HeadTensor>> images(batch.truths.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    for (std::size_t h = 0; h < heads.size(); ++h) {
      const graph::Layer& layer = network.layers[heads[h]];
      const graph::Shape map = network.layers[layer.inputs[0]].output;
      const auto count = static_cast<std::size_t>(map.count());
      images[i].push_back({layer.operation,
                           map,
                           {raws[h].data_ptr<float>() + i * count, count},
                           {gradients[h].data_ptr<float>() + i * count, count}});
    }
    kind.compute_loss(images[i], batch.size, batch.truths[i], options);
  }
  kind.weigh(images);
  double loss = 0;
  for (const auto& image : images) {
    for (const train::HeadTensor& tensor : image) loss += tensor.loss.total();
  }
  for (at::Tensor& gradient : gradients) gradient.div_(std::ssize(images));
  return loss;
}

Contender plain(const std::string& layout, at::MemoryFormat format, bool autocast,
                const graph::Network& network, const Recipe& recipe, const dataset::Batch& batch) {
  const auto net = std::make_shared<PlainNetwork>(network, format);
  const LossOptions options = train::loss_options(recipe);
  const at::Tensor input = at::from_blob(
      const_cast<float*>(batch.inputs.data()),
      {static_cast<std::int64_t>(batch.truths.size()), 3, batch.size.height, batch.size.width},
      at::kFloat);
  return {fmt::format("LibTorch {}, {}", layout, autocast ? "bf16" : "fp32"),
          [=, &network, &batch] {
            at::autocast::set_cpu_enabled(autocast);
            const std::vector<at::Tensor> outputs = net->forward(input);
            at::autocast::set_cpu_enabled(false);
            at::autocast::clear_cache();
            std::vector<at::Tensor> gradients;
            const double loss = plain_loss(network, batch, options, outputs, gradients);
            torch::autograd::backward(outputs, gradients);
            net->update(kRate, kMomentum, kDecay);
            return loss;
          }};
}

void take_turns(std::vector<Contender>& contenders, int rounds) {
  for (Contender& c : contenders) c.first_loss = c.step();  // also plans and allocates
  for (int round = 0; round < rounds; ++round) {
    for (Contender& c : contenders) {
      const double processor_start = processor_seconds();
      const auto start = std::chrono::steady_clock::now();
      c.step();
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      c.seconds.push_back(taken.count());
      c.processor_seconds.push_back(processor_seconds() - processor_start);
    }
  }
}

// Times are relative to oko in the same precision, which comes first.
void print_table(const std::vector<Contender>& contenders, int batch) {
  constexpr const char* kRow = "| {:<28} | {:>10} | {:>10} | {:>14} | {:>10} |\n";
  fmt::print(kRow, "", "images/s", "time / oko", "CPU time / oko", "first loss");
  fmt::print("| {:-<28} | {:->9}: | {:->9}: | {:->13}: | {:->9}: |\n", "", "", "", "", "");
  const Contender* ours = nullptr;
  for (const Contender& c : contenders) {
    if (c.name.starts_with("oko") || ours == nullptr) ours = &c;
    const double time = median(c.seconds), processor = median(c.processor_seconds);
    fmt::print(kRow, c.name, fmt::format("{:.2f}", batch / time),
               fmt::format("{:.2f}", time / median(ours->seconds)),
               fmt::format("{:.2f}", processor / median(ours->processor_seconds)),
               fmt::format("{:.2f}", c.first_loss));
  }
}

void run(const Options& options) {
  Recipe recipe;
  recipe.device = "cpu";
  recipe.threads = options.threads;
  train::keep_freed_memory();
  graph::Network network =
      graph::make_builtin(options.network, {.width = options.size, .height = options.size});
  {
    const train::Parameters drawn(network, at::kCPU, 1);
    network.weights = drawn.weights(drawn.flat());
  }
  const dataset::Batch batch = random_batch(network, options.batch);

  std::vector<Contender> contenders;
  for (const bool bf16 : {false, true}) {
    if (bf16 && !train::has_native_bfloat16()) continue;
    contenders.push_back(oko(bf16 ? "bf16" : "fp32", network, recipe, batch));
    contenders.push_back(
        plain("channels-last", at::MemoryFormat::ChannelsLast, bf16, network, recipe, batch));
    contenders.push_back(
        plain("contiguous", at::MemoryFormat::Contiguous, bf16, network, recipe, batch));
  }
  std::erase_if(contenders,
                [&](const Contender& c) { return c.name.find(options.only) == std::string::npos; });
  if (contenders.empty()) throw std::runtime_error("no contender's name contains: " + options.only);
  take_turns(contenders, options.rounds);

  fmt::print("{} at {}x{}, batch {}, {} threads, median of {} rounds\n\n", options.network,
             network.input.width, network.input.height, options.batch, at::get_num_threads(),
             options.rounds);
  print_table(contenders, options.batch);
}

}  // namespace
}  // namespace oko::bench

int main(int argc, char** argv) {
  oko::bench::Options options;
  CLI::App app("Compares training speed with plain LibTorch", "oko_bench_training");
  app.add_option("--network", options.network, "Built-in network")->capture_default_str();
  app.add_option("--batch", options.batch, "Images per step")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--size", options.size, "Input side in pixels (0: the network's)");
  app.add_option("--rounds", options.rounds, "Steps per contender")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--only", options.only,
                 "Time only contenders with this in their name (for a profiler)");
  app.add_option("--threads", options.threads, "CPU cores (0: all)");
  CLI11_PARSE(app, argc, argv);
  try {
    oko::bench::run(options);
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
  return 0;
}
