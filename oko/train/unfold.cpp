#include "oko/train/unfold.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "oko/dataset/loader.h"
#include "oko/train/device.h"
#include "oko/train/module.h"

namespace oko::train {
namespace {

// Of the channels of one layer over all images so far.
struct Moments {
  at::Tensor sum, squares;  // double
  double count = 0;

  void add(const at::Tensor& output) {
    const auto [variance, mean] =
        at::var_mean(output.to(at::kFloat), at::IntArrayRef{0, 2, 3}, false);
    const at::Tensor m = mean.to(at::kDouble), v = variance.to(at::kDouble);
    const auto values = static_cast<double>(output.numel() / output.size(1));
    if (count == 0) sum = at::zeros_like(m), squares = at::zeros_like(m);
    sum.add_(m, values);
    squares.add_(v + m * m, values);
    count += values;
  }
  at::Tensor mean() const { return sum / count; }
  at::Tensor variance() const { return (squares / count - mean().square()).clamp_min(0); }
};

std::vector<Moments> moments_of(const graph::Network& network, const BatchNorms& norms,
                                const dataset::Dataset& images, const Recipe& recipe) {
  std::vector<Moments> moments(network.layers.size());
  if (images.samples.empty()) return moments;
  dataset::LoaderOptions options;
  options.input = {network.input.width, network.input.height};
  options.preprocess = network.preprocess;
  options.augmentation = dataset::Augmentation::none();
  options.seed = recipe.seed;
  options.threads = recipe.loader_threads;
  dataset::Loader loader(images, options);
  use_threads(recipe.threads);
  const at::Device device = device_named(recipe.device);
  const c10::InferenceMode inference;
  Module module(network, device, recipe.seed);
  module.observe = [&](int layer, const at::Tensor& output) {
    if (norms[layer]) moments[layer].add(output);
  };
  std::size_t seen = 0;
  loader.start(0);
  while (auto batch = loader.next()) {
    const auto n = static_cast<std::int64_t>(batch->samples.size());
    module.forward(at::from_blob(batch->inputs.data(),
                                 {n, 3, batch->size.height, batch->size.width}, at::kFloat)
                       .to(device));
    seen += batch->samples.size();
    loader.recycle(std::move(*batch));
    if (seen >= kUnfoldImages) break;
  }
  return moments;
}

graph::Tensor to_tensor(const at::Tensor& values) {
  const at::Tensor here = values.to(at::kCPU, at::kFloat).contiguous();
  const float* first = here.data_ptr<float>();
  return graph::Tensor::of({first, first + here.numel()}, {here.numel()});
}

// The divisor of the batch norm.
at::Tensor root_of(const at::Tensor& variance, const graph::BatchNorm& norm) {
  const double epsilon = norm.epsilon;
  return norm.epsilon_outside_root ? variance.sqrt() + epsilon : (variance + epsilon).sqrt();
}

}  // namespace

void unfold_batch_norms(graph::Network& network, const BatchNorms& norms,
                        const dataset::Dataset& images, const Recipe& recipe) {
  const std::vector<Moments> moments = moments_of(network, norms, images, recipe);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    if (!norms[i]) continue;
    const std::string& name = network.layers[i].name;
    graph::Tensor& bias = network.weights.at(name + ".bias");
    const at::Tensor old =
        at::from_blob(const_cast<float*>(bias.floats().data()), {bias.count()}, at::kFloat)
            .to(at::kDouble);
    const bool is_measured = moments[i].count > 0;
    const at::Tensor mean = is_measured ? moments[i].mean().to(at::kCPU) : old;
    const at::Tensor variance =
        is_measured ? moments[i].variance().to(at::kCPU) : at::ones_like(old);
    // The batch norm follows a convolution without bias.
    network.weights.insert_or_assign(name + ".mean", to_tensor(mean - old));
    network.weights.insert_or_assign(name + ".variance", to_tensor(variance));
    network.weights.insert_or_assign(name + ".scale", to_tensor(root_of(variance, *norms[i])));
    bias = to_tensor(mean);
    std::get<graph::Convolution>(network.layers[i].operation).batch_norm = norms[i];
  }
}

}  // namespace oko::train
