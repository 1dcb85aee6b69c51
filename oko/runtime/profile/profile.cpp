#include "oko/runtime/profile/profile.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "oko/base/random.h"
#include "oko/graph/cost.h"
#include "oko/runtime/calibrate.h"
#include "oko/runtime/executor.h"
#include "oko/runtime/profile/peak.h"

namespace oko::runtime {
namespace {

constexpr std::uint64_t kSeed = 7;

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double fastest_of(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

std::string layers_of(const Step& step) {
  if (std::holds_alternative<InputStep>(step.work)) return "in";
  const auto* convolution = std::get_if<ConvolutionStep>(&step.work);
  if (convolution == nullptr || convolution->layer == step.layer) return std::to_string(step.layer);
  return std::to_string(convolution->layer) + "+" + std::to_string(step.layer);
}

graph::Shape input_of(const Step& step, const Plan& plan) {
  if (std::holds_alternative<InputStep>(step.work)) return plan.input;
  const Map* first = nullptr;
  for_maps(step, [&](const Map& map) {
    if (first == nullptr) first = &map;
  });
  return first->shape;
}

// A head works in place on the tensor that it reads.
std::vector<graph::Shape> outputs_of(const Step& step) {
  if (const auto* c = std::get_if<ConvolutionStep>(&step.work)) {
    std::vector<graph::Shape> shapes;
    for (const auto* map : {&c->out, &c->pooled}) {
      if (*map) shapes.push_back((*map)->shape);
    }
    return shapes;
  }
  graph::Shape last;
  for_maps(step, [&](const Map& map) { last = map.shape; });
  return {last};
}

// Times of every step in each round.
struct Rounds {
  std::vector<std::vector<double>> steps;
  std::vector<double> sums;

  explicit Rounds(std::size_t count) : steps(count) {}
  void add(std::span<const double> seconds) {
    double sum = 0;
    for (std::size_t i = 0; i < seconds.size(); ++i) {
      steps[i].push_back(seconds[i]);
      sum += seconds[i];
    }
    sums.push_back(sum);
  }
};

// The peak is measured between rounds, so that both see the same clock rate and the same background
// load.
Rounds run_rounds(Executor& executor, Peak& peak, int wanted, Progress& progress) {
  using Clock = std::chrono::steady_clock;
  constexpr double kSeconds = 2;
  constexpr std::size_t kMinRounds = 5;
  executor.run();
  executor.profile();
  Rounds rounds(executor.step_seconds().size());
  progress.begin("timing", static_cast<std::uint64_t>(wanted), "rounds");
  const auto enough = [&, begin = Clock::now()] {
    if (wanted > 0) return std::cmp_equal(rounds.sums.size(), wanted);
    const std::chrono::duration<double> passed = Clock::now() - begin;
    return rounds.sums.size() >= kMinRounds && passed.count() >= kSeconds;
  };
  while (!enough()) {
    executor.run();
    rounds.add(executor.step_seconds());
    peak.measure();
    progress.advance();
  }
  progress.end();
  return rounds;
}

void add_steps(Profile& profile, const Model& model, const Rounds& rounds) {
  const std::vector<graph::LayerCost> costs = graph::layer_costs(model.network());
  for (std::size_t i = 0; i < rounds.steps.size(); ++i) {
    const Step& step = model.plan().steps[i];
    StepProfile one{layers_of(step), describe(step), input_of(step, model.plan()),
                    outputs_of(step)};
    if (const auto* c = std::get_if<ConvolutionStep>(&step.work)) {
      one.flop = costs[c->layer].flop;
    }
    one.fastest = fastest_of(rounds.steps[i]);
    one.median = median_of(rounds.steps[i]);
    profile.steps_fastest += one.fastest;
    profile.flop += one.flop;
    profile.steps.push_back(std::move(one));
  }
  for (StepProfile& step : profile.steps) step.share = step.fastest / profile.steps_fastest;
}

void add_memory(Profile& profile, const Plan& plan) {
  profile.weight_bytes = plan.weight_bytes;
  profile.map_bytes = plan.arena_bytes;
  profile.scratch_bytes =
      plan.shared_bytes + plan.thread_bytes * static_cast<std::size_t>(profile.threads);
  std::int64_t numbers = plan.input.count();
  for (const graph::Shape& head : plan.heads) numbers += head.count();
  profile.border_bytes = static_cast<std::size_t>(numbers) * sizeof(float);
}

}  // namespace

Profile profile(const graph::Network& network, std::span<const float> input,
                const ProfileOptions& options, Progress& progress) {
  const auto model = Model::make(network, options.model);
  const Plan& plan = model->plan();
  Executor executor(model, options.threads);
  std::copy(input.begin(), input.end(), executor.input().begin());
  Peak peak(plan.target, plan.precision == Precision::kInt8, options.threads);

  Profile profile;
  profile.target = plan.target;
  profile.precision = plan.precision;
  profile.threads = options.threads;
  const Rounds rounds = run_rounds(executor, peak, options.rounds, progress);
  profile.rounds = static_cast<int>(rounds.sums.size());
  profile.fastest = fastest_of(rounds.sums);
  profile.median = median_of(rounds.sums);
  profile.peak = peak.operations();
  add_steps(profile, *model, rounds);
  add_memory(profile, plan);
  return profile;
}

std::vector<float> synthetic_image(const graph::Network& network) {
  Random random(kSeed, 1);
  std::vector<float> picture(static_cast<std::size_t>(network.input.count()));
  for (float& v : picture) v = static_cast<float>(random.uniform());
  return picture;
}

void quantize_on(graph::Network& network, std::span<const float> input, int threads) {
  Calibrator calibrator(network, threads);
  calibrator.add(input);
  set_quantization(network, calibrator.result(Calibration::kMinMax));
}

}  // namespace oko::runtime
