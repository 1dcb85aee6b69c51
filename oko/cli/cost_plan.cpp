#include "oko/cli/cost_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "oko/base/error.h"
#include "oko/cli/model.h"
#include "oko/formats/darknet.h"
#include "oko/graph/builtin.h"
#include "oko/run/run.h"
#include "oko/storage/store.h"
#include "oko/train/estimate.h"
#include "oko/train/probe.h"
#include "oko/train/setup.h"

namespace oko::cli {
namespace {

// How many hardly matters for the time.
constexpr int kSomeClasses = 20;

graph::Network network_alone(const train::Recipe& recipe) {
  if (storage::extension(recipe.network) == ".cfg") {
    std::vector<std::string> notes;
    graph::Network network =
        formats::read_darknet_cfg(storage::read_text(recipe.network), recipe.network, &notes);
    if (recipe.width == 0 && recipe.height == 0) return network;
    return graph::resized(std::move(network), recipe.width > 0 ? recipe.width : network.input.width,
                          recipe.height > 0 ? recipe.height : network.input.height);
  }
  graph::BuiltinOptions options;
  options.classes = kSomeClasses;
  options.width = recipe.width;
  options.height = recipe.height > 0 ? recipe.height : recipe.width;
  return graph::make_builtin(recipe.network, options);
}

// What a probe would have found, but for its measurements.
train::ProbeResult without_probe(train::Recipe recipe, const CostPlanOptions& options) {
  if (options.images < 1) {
    throw Error(ErrorCode::kUsage, "cost", "no dataset given",
                "oko cost DATASET, or --images N without one");
  }
  train::check_recipe(recipe);
  train::ProbeResult result;
  result.network = network_alone(recipe);
  result.images = options.images;
  const double held_out = recipe.val_part / (1 - recipe.val_part);
  result.val_images = std::llround(held_out * static_cast<double>(options.images));
  if (recipe.batch == 0) recipe.batch = train::usual_batch(result.images);
  result.recipe = std::move(recipe);
  return result;
}

double gpu_gb(const graph::Network& network, const train::Recipe& recipe, int batch, bool half) {
  train::EstimateOptions options;
  options.batch = batch;
  options.half_precision = half;
  options.moments = train::moments_of(recipe.optimizer);
  const train::MemoryEstimate memory = train::estimate_memory(network, options);
  return static_cast<double>(memory.parameters + memory.activations) / 1e9;
}

cost::Workload workload_of(const train::ProbeResult& result, const CostPlanOptions& options) {
  cost::Workload workload;
  workload.operations = cost::operations_of(result.network);
  workload.operations.gmac *= result.mean_area;
  workload.operations.values *= result.mean_area;
  workload.images = result.images;
  workload.val_images = result.val_images;
  workload.epochs = result.recipe.epochs;
  workload.workers = options.workers;
  workload.batch = (result.recipe.batch + options.workers - 1) / options.workers;
  workload.half = result.recipe.precision != train::ComputeType::kFloat32;
  workload.checkpoint_minutes = result.recipe.checkpoint_minutes;
  workload.half_gb = gpu_gb(result.network, result.recipe, workload.batch, true);
  workload.full_gb = gpu_gb(result.network, result.recipe, workload.batch, false);
  return workload;
}

// The validation split grows with the training split unless it is given.
void resize_data(cost::Workload& workload, const CostPlanOptions& options) {
  if (options.images > 0) {
    const double factor =
        static_cast<double>(options.images) / static_cast<double>(workload.images);
    workload.val_images = std::llround(factor * static_cast<double>(workload.val_images));
    workload.images = options.images;
  }
  if (options.val_images >= 0) workload.val_images = options.val_images;
}

double number_or_zero(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value > 0 && value < 1e6 ? value : 0;
}

// The median over the run's steps without the first ones, which also allocate.
double seconds_in_log(const std::string& folder, const CostPlan& plan) {
  constexpr std::size_t kWarmUp = 5, kFewest = 10;
  const std::string log = run::Paths{folder}.log();
  std::vector<double> seconds;
  for (const Json& event : run::read_log(log)) {
    const std::string kind = run::text_of(event, "event");
    if (kind == run::kStartEvent && event.contains("recipe")) {
      const std::string network = run::text_of(event["recipe"], "network");
      if (network != plan.recipe.network) {
        throw Error(ErrorCode::kUsage, "--measured",
                    fmt::format("{} trained {}, not {}", folder, network, plan.recipe.network));
      }
    }
    if (kind != run::kStepEvent) continue;
    const double rate = run::number_of(event, "images_per_second");
    const double each = (1 - run::number_of(event, "wait")) / rate;
    if (std::isfinite(each) && each > 0) seconds.push_back(each);
  }
  if (seconds.size() < kWarmUp + kFewest) {
    throw input_error(log, fmt::format("has only {} steps", seconds.size()),
                      fmt::format("train for at least {}", kWarmUp + kFewest));
  }
  seconds.erase(seconds.begin(), seconds.begin() + kWarmUp);
  const auto middle = seconds.begin() + std::ssize(seconds) / 2;
  std::ranges::nth_element(seconds, middle);
  return *middle;
}

}  // namespace

CostPlan plan_cost(train::Recipe recipe, const CostPlanOptions& options, Progress& progress) {
  const bool probed = !recipe.dataset.empty();
  const train::ProbeOptions probing{options.probe_seconds,
                                    std::max<std::int64_t>(options.images, 0)};
  train::ProbeResult result = probed ? train::probe(std::move(recipe), probing, progress)
                                     : without_probe(std::move(recipe), options);
  CostPlan plan;
  plan.workload = workload_of(result, options);
  resize_data(plan.workload, options);
  plan.recipe = std::move(result.recipe);
  plan.network = std::move(result.network);
  if (probed) plan.probe = std::move(result.probe);
  return plan;
}

cost::Measured parse_measured(const std::string& text, const CostPlan& plan) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals + 1 == text.size()) {
    throw Error(ErrorCode::kUsage, "--measured",
                fmt::format("\"{}\" is not GPU=IMAGES_PER_SECOND or GPU=RUN", text),
                "for example T4=36.5, or T4=runs/1");
  }
  cost::Measured measured;
  measured.gpu = cost::gpu_named(text.substr(0, equals), "--measured").name;
  const std::string value = text.substr(equals + 1);
  const double rate = number_or_zero(value);
  measured.seconds_per_image = rate > 0 ? 1 / rate : seconds_in_log(value, plan);
  return measured;
}

}  // namespace oko::cli
