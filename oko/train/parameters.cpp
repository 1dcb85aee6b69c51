#include "oko/train/parameters.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/train/head.h"

namespace oko::train {
namespace {

// Section of the buffer: kernels (weight decay applies), other parameters, statistics.
int rank_of(const std::string& name) {
  if (name.ends_with(".kernel")) return 0;
  return name.ends_with(".mean") || name.ends_with(".variance") ? 2 : 1;
}

// `head`: the one that reads the layer's output, if any.
std::vector<float> initial(const graph::WeightSpec& spec, const graph::Operation* head,
                           Random& random) {
  std::int64_t count = 1;
  for (const auto side : spec.shape) count *= side;
  std::vector<float> values(static_cast<std::size_t>(count), 0.F);
  if (spec.name.ends_with(".scale") || spec.name.ends_with(".variance")) {
    std::fill(values.begin(), values.end(), 1.F);
  } else if (spec.name.ends_with(".kernel")) {
    const double fan_in = static_cast<double>(count) / static_cast<double>(spec.shape[0]);
    const double spread = head != nullptr ? .01 : std::sqrt(2 / fan_in);
    for (float& v : values) v = static_cast<float>(spread * random.normal());
  } else if (spec.name.ends_with(".bias") && head != nullptr) {
    if (const HeadKind* kind = head_kind(*head)) kind->initialize_biases(*head, values);
  }
  return values;
}

// Checked before any copy: the file may belong to another network.
std::span<const float> checked(const graph::Tensor& tensor, const std::string& name,
                               const std::vector<std::int64_t>& shape, const std::string& place) {
  if (tensor.dtype == graph::DType::kF32 && tensor.shape == shape) return tensor.floats();
  throw input_error(place,
                    "the weight " + name + " is " + graph::name_of(tensor.dtype) + " " +
                        graph::to_string(tensor.shape) + ", the layer expects F32 " +
                        graph::to_string(shape),
                    "use weights of the same network with the same number of classes");
}

}  // namespace

Parameters::Parameters(const graph::Network& network, at::Device device, std::uint64_t seed) {
  auto specs = graph::weight_specs(network);
  std::stable_sort(specs.begin(), specs.end(),
                   [](const auto& a, const auto& b) { return rank_of(a.name) < rank_of(b.name); });
  std::int64_t total = 0, trainable = 0;
  for (const auto& spec : specs) {
    std::int64_t count = 1;
    for (const auto side : spec.shape) count *= side;
    slots_[spec.name] = {total, spec.shape, {}};
    total += count;
    if (rank_of(spec.name) < 2) trainable = total;
  }
  flat_ = at::zeros({total}, at::TensorOptions().dtype(at::kFloat).device(device));
  gradient_ = at::zeros({trainable}, flat_.options());

  for (std::size_t i = 0; i < specs.size(); ++i) {
    const auto& spec = specs[i];
    Slot& slot = slots_.at(spec.name);
    const auto found = network.weights.find(spec.name);
    std::vector<float> drawn;
    std::span<const float> values;
    if (found != network.weights.end()) {
      values = checked(found->second, spec.name, spec.shape, network.name);
    } else {
      Random random(seed, 1000 + static_cast<std::uint64_t>(spec.layer));
      drawn = initial(spec, head_after(network, spec.layer), random);
      values = drawn;
    }
    const at::Tensor source =
        at::from_blob(const_cast<float*>(values.data()), slot.shape, at::kFloat);
    slot.value = view(flat_, slot.offset, slot.shape);
    slot.value.copy_(source);
    if (rank_of(spec.name) == 2) continue;
    // variable_data() has its own version counter. Views share their base's, and autograd would
    // mistake the statistics' updates in the forward pass for changes of saved kernels.
    at::Tensor leaf = slot.value.variable_data();
    leaf.requires_grad_(true);
    leaf.mutable_grad() = view(gradient_, slot.offset, slot.shape);
    slot.value = leaf;
    parameters_.push_back(
        {spec.name, spec.layer, rank_of(spec.name) == 0, slot.offset, leaf.numel(), leaf});
  }
}

// Kernels are channels-last, as the fast convolutions expect.
at::Tensor Parameters::view(const at::Tensor& flat, std::int64_t offset,
                            const std::vector<std::int64_t>& shape) const {
  std::int64_t count = 1;
  for (const auto side : shape) count *= side;
  const at::Tensor part = flat.narrow(0, offset, count);
  if (shape.size() != 4) return part.view(shape);
  return part.view({shape[0], shape[2], shape[3], shape[1]}).permute({0, 3, 1, 2});
}

at::Tensor Parameters::value(const std::string& name) const {
  const auto slot = slots_.find(name);
  assert(slot != slots_.end());
  return slot->second.value;
}

void Parameters::assign(const graph::Weights& weights, const std::string& place) {
  for (const auto& [name, slot] : slots_) {
    const auto found = weights.find(name);
    if (found == weights.end()) {
      throw input_error(place, "the weight " + name + " is missing");
    }
    checked(found->second, name, slot.shape, place);
  }
  if (weights.size() != slots_.size()) {
    throw input_error(place, "contains weights that belong to no layer of the network");
  }
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : weights) {
    at::Tensor value = slots_.at(name).value.detach();
    value.copy_(
        at::from_blob(const_cast<float*>(tensor.floats().data()), value.sizes(), at::kFloat));
  }
}

graph::Weights Parameters::weights(const at::Tensor& flat) const {
  const at::Tensor here = flat.detach().to(at::kCPU);
  graph::Weights weights;
  for (const auto& [name, slot] : slots_) {
    const at::Tensor block = view(here, slot.offset, slot.shape).contiguous();
    std::vector<float> values(static_cast<std::size_t>(block.numel()));
    std::memcpy(values.data(), block.data_ptr<float>(), values.size() * sizeof(float));
    weights.emplace(name, graph::Tensor::of(std::move(values), slot.shape));
  }
  return weights;
}

}  // namespace oko::train
