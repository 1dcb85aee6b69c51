#include "oko/train/gradient_sum.h"

#include <utility>

namespace oko::train {
namespace {

// Large enough that latency does not matter, small enough that the first one is soon complete.
constexpr std::int64_t kBucketValues = 1 << 20;
constexpr std::size_t kNone = ~std::size_t{0};

}  // namespace

struct GradientSum::Hook final : torch::autograd::FunctionPostHook {
  Hook(std::shared_ptr<GradientSum*> sum_, std::size_t parameter_)
      : sum(std::move(sum_)), parameter(parameter_) {}
  torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs,
                                            const torch::autograd::variable_list&) override {
    if (*sum != nullptr) (*sum)->is_there(parameter);
    return outputs;
  }
  const std::shared_ptr<GradientSum*> sum;
  const std::size_t parameter;
};

GradientSum::GradientSum(Parameters& parameters, Workers& workers)
    : parameters_(parameters),
      workers_(workers),
      bucket_of_(parameters.parameters().size(), kNone),
      accumulators_(parameters.parameters().size()),
      self_(std::make_shared<GradientSum*>(this)) {
  int layers = 0;
  for (const Parameter& p : parameters.parameters()) layers = std::max(layers, p.layer + 1);
  set_frozen(std::vector<bool>(static_cast<std::size_t>(layers), false));
}

GradientSum::~GradientSum() { *self_ = nullptr; }

void GradientSum::set_frozen(const std::vector<bool>& layers) {
  const std::vector<Parameter>& all = parameters_.parameters();
  buckets_.clear();
  bucket_of_.assign(all.size(), kNone);
  const auto is_frozen = [&](const Parameter& p) {
    return layers[static_cast<std::size_t>(p.layer)];
  };
  // The buffer holds all kernels, then all biases and scales, each by layer: those of biases and
  // scales are few, and complete only with the first layer's.
  for (const bool kernels : {true, false}) {
    bool begins = true;
    for (std::size_t i = all.size(); i-- > 0;) {
      if (all[i].decay != kernels) continue;
      if (is_frozen(all[i])) {
        begins = true;
        continue;
      }
      if (begins || buckets_.back().count >= kBucketValues) buckets_.emplace_back();
      begins = false;
      Bucket& bucket = buckets_.back();
      bucket.offset = all[i].offset;
      bucket.count += all[i].count;
      ++bucket.parameters;
      bucket_of_[i] = buckets_.size() - 1;
      watch(i);
    }
  }
}

void GradientSum::watch(std::size_t parameter) {
  if (accumulators_[parameter]) return;
  accumulators_[parameter] =
      torch::autograd::impl::grad_accumulator(parameters_.parameters()[parameter].value);
  accumulators_[parameter]->add_post_hook(std::make_unique<Hook>(self_, parameter));
}

void GradientSum::begin() {
  for (Bucket& bucket : buckets_) bucket.missing = bucket.parameters;
  next_ = 0;
  active_ = true;
}

void GradientSum::is_there(std::size_t parameter) {
  if (!active_ || bucket_of_[parameter] == kNone) return;
  --buckets_[bucket_of_[parameter]].missing;
  while (next_ < buckets_.size() && buckets_[next_].missing == 0) begin_next();
}

void GradientSum::begin_next() {
  const Bucket& bucket = buckets_[next_++];
  workers_.begin_sum(parameters_.gradient().narrow(0, bucket.offset, bucket.count));
}

void GradientSum::finish() {
  active_ = false;
  while (next_ < buckets_.size()) begin_next();  // layers that no head reads have no gradient
  workers_.finish_sums();
}

std::int64_t GradientSum::bytes() const {
  std::int64_t values = 0;
  for (const Bucket& bucket : buckets_) values += bucket.count;
  return values * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace oko::train
