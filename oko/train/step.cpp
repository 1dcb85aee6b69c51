#include "oko/train/step.h"

#include <fmt/format.h>

#include <cmath>

#include "oko/base/clock.h"
#include "oko/base/error.h"
#include "oko/train/device.h"
#include "oko/train/setup.h"

namespace oko::train {
namespace {

constexpr double kFirstLossScale = 1024;
constexpr int kGoodStepsToDouble = 1000;

at::ScalarType compute_type(const Recipe& recipe, const at::Device& device) {
  switch (recipe.precision) {
    case ComputeType::kFloat16:
      if (!device.is_cpu()) return at::kHalf;
      throw Error(ErrorCode::kUsage, "--precision fp16",
                  "LibTorch has no fp16 convolution on a CPU", "use bf16 or fp32");
    case ComputeType::kBfloat16:
      return at::kBFloat16;
    case ComputeType::kFloat32:
      return at::kFloat;
    case ComputeType::kAuto:
      break;
  }
  return device.is_cpu() && !has_native_bfloat16() ? at::kFloat : at::kBFloat16;
}

// Of image `index` of the batch.
std::vector<HeadTensor> tensors_of(const graph::Network& network,
                                   const std::vector<at::Tensor>& raws,
                                   const std::vector<at::Tensor>& gradients, std::size_t index) {
  const std::vector<int> heads = network.heads();
  std::vector<HeadTensor> tensors;
  for (std::size_t h = 0; h < heads.size(); ++h) {
    const at::Tensor& raw = raws[h];
    const graph::Shape shape{static_cast<int>(raw.size(1)), static_cast<int>(raw.size(2)),
                             static_cast<int>(raw.size(3))};
    const auto count = static_cast<std::size_t>(shape.count());
    tensors.push_back({network.layers[heads[h]].operation,
                       shape,
                       {raw.data_ptr<float>() + index * count, count},
                       {gradients[h].data_ptr<float>() + index * count, count}});
  }
  return tensors;
}

at::Device prepare(const Recipe& recipe) {
  use_threads(recipe.threads);
  return device_named(recipe.device);
}

}  // namespace

TrainingStep::TrainingStep(const graph::Network& network, const Recipe& recipe, Workers* workers)
    : device_(prepare(recipe)),
      module_(network, device_, recipe.seed),
      heads_(head_kind(network, network.name)),
      loss_(loss_options(recipe)),
      workers_(workers),
      statistics_before_(statistics().clone()) {
  module_.compute_type = compute_type(recipe, device_);
  module_.statistics_momentum = recipe.statistics;
  if (may_overflow()) scale_ = kFirstLossScale;
  if (workers == nullptr) return;
  sum_.emplace(module_.parameters(), *workers);
  if (recipe.sync_batch_norm) module_.normalizing = workers;
}

at::Tensor TrainingStep::statistics() const {
  const Parameters& parameters = module_.parameters();
  const std::int64_t begin = parameters.gradient().numel();
  return parameters.flat().detach().narrow(0, begin, parameters.flat().numel() - begin);
}

void TrainingStep::freeze(const std::vector<bool>& layers) {
  module_.freeze(layers);
  if (sum_) sum_->set_frozen(layers);
}

void TrainingStep::begin_update() {
  module_.parameters().gradient().zero_();
  statistics_before_.copy_(statistics());
}

void TrainingStep::undo_update() { statistics().copy_(statistics_before_); }

LossSums TrainingStep::accumulate(const dataset::Batch& batch, std::int64_t step, double factor,
                                  bool last) {
  module_.dropout_seed = static_cast<std::uint64_t>(step) * 2654435761U + 1;
  module_.first_image = static_cast<std::int64_t>(batch.first);
  at::manual_seed(module_.dropout_seed);
  const auto n = static_cast<std::int64_t>(batch.truths.size());
  const at::Tensor input = at::from_blob(const_cast<float*>(batch.inputs.data()),
                                         {n, 3, batch.size.height, batch.size.width}, at::kFloat)
                               .to(device_);
  const std::vector<at::Tensor> outputs = module_.forward(input);
  std::vector<at::Tensor> raws, gradients;
  for (const at::Tensor& output : outputs) {
    raws.push_back(output.detach().to(at::kCPU).contiguous());
    gradients.push_back(at::empty_like(raws.back()));
  }
  LossSums loss = compute_loss(batch, raws, gradients);
  for (at::Tensor& gradient : gradients) gradient = gradient.mul_(factor * scale_).to(device_);
  backward(outputs, gradients, last);
  if (workers_ != nullptr) workers_->sum(loss.values);
  return loss;
}

LossSums TrainingStep::compute_loss(const dataset::Batch& batch,
                                    const std::vector<at::Tensor>& raws,
                                    std::vector<at::Tensor>& gradients) const {
  std::vector<std::vector<HeadTensor>> images(batch.truths.size());
  at::parallel_for(0, std::ssize(images), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto k = static_cast<std::size_t>(i);
      images[k] = tensors_of(module_.network(), raws, gradients, k);
      heads_.compute_loss(images[k], batch.size, batch.truths[k], loss_);
    }
  });
  heads_.weigh(images);
  LossSums loss(heads_.loss_parts());
  for (std::size_t h = 0; h < raws.size(); ++h) {
    for (const auto& image : images) loss += image[h].loss;
  }
  return loss;
}

void TrainingStep::backward(const std::vector<at::Tensor>& outputs,
                            const std::vector<at::Tensor>& gradients, bool last) {
  if (!sum_ || !last) return torch::autograd::backward(outputs, gradients);
  // Statistics of the parts are averaged, unless they are those of the whole batch already. Summed
  // as differences, those of frozen layers stay exactly what they are.
  const at::Tensor change = statistics() - statistics_before_;
  sum_->begin();
  if (module_.normalizing == nullptr) workers_->begin_sum(change);
  torch::autograd::backward(outputs, gradients);
  sum_->finish();
  if (module_.normalizing != nullptr) return;
  statistics().copy_(statistics_before_).add_(change, 1. / workers_->size());
}

double TrainingStep::l2_loss(double weight_decay) const {
  const at::NoGradGuard no_grad;
  const Parameters& parameters = module_.parameters();
  std::int64_t kernels = 0;  // first in the buffer
  for (const Parameter& p : parameters.parameters()) kernels += p.decay ? p.count : 0;
  const at::Tensor w = parameters.flat().narrow(0, 0, kernels);
  return .5 * weight_decay * at::dot(w, w).item<double>();
}

bool TrainingStep::unscale_gradient() {
  if (!may_overflow()) return true;
  const at::NoGradGuard no_grad;
  at::Tensor gradient = module_.parameters().gradient();
  gradient.mul_(1 / scale_);
  if (!std::isfinite(gradient.sum().item<double>())) {
    scale_ /= 2;
    good_steps_ = 0;
    return false;
  }
  if (++good_steps_ % kGoodStepsToDouble == 0) scale_ *= 2;
  return true;
}

double TrainingStep::measure(int batch) {
  const graph::Shape& shape = module_.network().input;
  dataset::Batch synthetic;
  synthetic.size = {shape.width, shape.height};
  synthetic.inputs.assign(static_cast<std::size_t>(shape.count() * batch), .5F);
  synthetic.truths.resize(static_cast<std::size_t>(batch));
  const at::Tensor before = module_.parameters().flat().detach().clone();
  begin_update();
  accumulate(synthetic, 0, 0, true);  // the first one also plans and allocates
  const auto start = Clock::now();
  accumulate(synthetic, 0, 0, true);
  const double seconds = seconds_since(start);
  const at::NoGradGuard no_grad;
  at::Tensor flat = module_.parameters().flat();
  flat.copy_(before);  // batch norm statistics have changed
  at::Tensor gradient = module_.parameters().gradient();
  gradient.zero_();
  return seconds / batch;
}

std::string TrainingStep::description() const {
  const char* type = module_.compute_type == at::kFloat  ? "fp32"
                     : module_.compute_type == at::kHalf ? "fp16"
                                                         : "bf16";
  if (!device_.is_cpu()) return fmt::format("{}, {}", device_.str(), type);
  return fmt::format("cpu, {} threads, {}", at::get_num_threads(), type);
}

std::string TrainingStep::library_version() {
  return fmt::format("{}.{}.{}", TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH);
}

}  // namespace oko::train
