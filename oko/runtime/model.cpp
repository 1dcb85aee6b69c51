#include "oko/runtime/model.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "oko/base/hash.h"
#include "oko/base/locked.h"
#include "oko/graph/dilation.h"
#include "oko/runtime/build_identity.h"
#include "oko/runtime/checksum.h"
#include "oko/runtime/file.h"
#include "oko/runtime/kernels8.h"
#include "oko/runtime/memory.h"
#include "oko/runtime/pack.h"
#include "oko/runtime/tiling.h"

namespace oko::runtime {
namespace {

// The header of packed weights in a cache. Increment kVersion with every change of this header; how
// weights are packed is part of the build.
struct PackedHeader {
  static constexpr std::uint64_t kMagic = 0x6b6361706f6b6fULL;  // "okopack", little-endian
  static constexpr std::uint32_t kVersion = 8;
  std::uint64_t magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t target = 0, precision = 0, unused = 0;
  std::uint64_t fingerprint = 0, bytes = 0;
  std::uint64_t checksum = 0;  // of everything after the header
  std::uint64_t build = kBuildIdentity;
  std::byte fill[8] = {};
};
static_assert(sizeof(PackedHeader) == kAlignment);

// What determines how a convolution's weights are packed, apart from their values.
void add_convolution(Hash& hash, const ConvolutionStep& step) {
  const graph::Convolution& c = step.convolution;
  const graph::BatchNorm norm = c.batch_norm.value_or(graph::BatchNorm{});
  const Map& out = step.out ? *step.out : *step.pooled;
  hash.add_numbers(step.layer, c.filters, c.size, c.groups, c.batch_norm.has_value(), norm.epsilon,
                   norm.epsilon_outside_root, step.algorithm, step.half, step.in.shape.channels,
                   is_int8(step), step.in.scale.scale, step.in.scale.zero,
                   out.number == Number::kByte, out.scale.scale);
}

// Over everything that determines the packed weights.
std::uint64_t fingerprint_of(const graph::Network& network, const Plan& plan) {
  Hash hash;
  for (const Step& step : plan.steps) {
    if (const auto* c = std::get_if<ConvolutionStep>(&step.work)) add_convolution(hash, *c);
  }
  if (plan.precision == Precision::kInt8) {
    const auto quantization = quantization_of(network);
    for (const auto& [name, range] : quantization->layers) {
      hash.add(std::as_bytes(std::span(name)));
      hash.add(std::as_bytes(std::span(range.points)));
    }
  }
  std::vector<std::span<const std::byte>> values;
  for (const auto& [name, tensor] : network.weights) {
    hash.add(std::as_bytes(std::span(name)));
    values.push_back(tensor.data.span());
  }
  const std::uint64_t sum = checksum(values);
  hash.add(std::as_bytes(std::span(&sum, 1)));
  return hash.value();
}

PlanOptions plan_options(const graph::Network& network, const ModelOptions& options) {
  if (options.precision) return {*options.precision, options.target};
  const bool quantized = quantization_of(network).has_value();
  // Where bytes have no kernels of their own, floats are faster.
  const bool slow = &kernels8(options.target) == &scalar_kernels8() &&
                    &kernels(options.target) != &scalar_kernels();
  return {quantized && !slow ? Precision::kInt8 : Precision::kFloat32, options.target};
}

// Without the checksum.
PackedHeader header_of(const Plan& plan, std::uint64_t fingerprint) {
  PackedHeader header;
  header.target = static_cast<std::uint32_t>(plan.target);
  header.precision = static_cast<std::uint32_t>(plan.precision);
  header.fingerprint = fingerprint;
  header.bytes = plan.weight_bytes;
  return header;
}

// Overwrites the weights that packed ones are made of: also those that were only in memory for a
// while, such as expanded kernels, and if something is thrown.
class Remains {
 public:
  explicit Remains(bool secret) : secret_(secret) {}
  Remains(const Remains&) = delete;
  Remains& operator=(const Remains&) = delete;
  ~Remains() {
    for (const graph::Tensor& tensor : tensors_) {
      wipe({const_cast<std::byte*>(tensor.data.data()), tensor.data.size()});
    }
  }
  void add(const graph::Weights& weights) {
    if (!secret_) return;
    for (const auto& [name, tensor] : weights) tensors_.push_back(tensor);
  }

 private:
  bool secret_;
  std::vector<graph::Tensor> tensors_;
};

}  // namespace

std::shared_ptr<const Model> Model::make(graph::Network network, const ModelOptions& options) {
  const std::shared_ptr<Model> model(new Model);
  graph::check_weights(network);
  Remains remains(options.secret);
  remains.add(network.weights);
  network = graph::undilated(std::move(network));
  remains.add(network.weights);
  model->secret_ = options.secret;
  model->plan_ = make_plan(network, plan_options(network, options));
  if (!options.plan_only) {
    model->fingerprint_ = fingerprint_of(network, model->plan_);
    drop_pages(options.mapped, options.mapped);
    const Memory memory = memory_for(model->plan_.weight_bytes, options.secret);
    pack_weights(network, model->plan_, memory.bytes, options.mapped);
    model->weights_ = Bytes(memory.owner, memory.bytes);
  }
  network.weights.clear();
  model->network_ = std::move(network);
  return model;
}

std::shared_ptr<const Model> Model::from_packed(graph::Network network, const ModelOptions& options,
                                                const Bytes& packed) {
  const std::shared_ptr<Model> model(new Model);
  graph::check_weights(network);
  network = graph::undilated(std::move(network));
  model->plan_ = make_plan(network, plan_options(network, options));
  model->fingerprint_ = fingerprint_of(network, model->plan_);
  PackedHeader wanted = header_of(model->plan_, model->fingerprint_);
  if (packed.size() != sizeof wanted + wanted.bytes + kSlack) return nullptr;
  std::memcpy(&wanted.checksum, packed.data() + offsetof(PackedHeader, checksum),
              sizeof wanted.checksum);
  if (std::memcmp(packed.data(), &wanted, sizeof wanted) != 0) return nullptr;
  if (checksum(packed.span().subspan(sizeof wanted)) != wanted.checksum) return nullptr;
  if (reinterpret_cast<std::uintptr_t>(packed.data()) % kAlignment != 0) return nullptr;
  model->weights_ = packed.part(sizeof wanted, wanted.bytes);
  network.weights.clear();
  model->network_ = std::move(network);
  return model;
}

std::vector<std::byte> Model::packed() const {
  PackedHeader header = header_of(plan_, fingerprint_);
  std::vector<std::byte> out(sizeof header + weights_.size() + kSlack);
  std::memcpy(out.data() + sizeof header, weights_.data(), weights_.size());
  header.checksum = checksum(std::span(out).subspan(sizeof header));
  std::memcpy(out.data(), &header, sizeof header);
  return out;
}

bool may_be_replaced(const Bytes& file) {
  const std::span<const std::byte> head =
      file.span().first(std::min(file.size(), sizeof(PackedHeader)));
  if (std::ranges::all_of(head, [](std::byte b) { return b == std::byte{0}; })) return true;
  return head.size() >= sizeof PackedHeader::kMagic &&
         std::memcmp(head.data(), &PackedHeader::kMagic, sizeof PackedHeader::kMagic) == 0;
}

}  // namespace oko::runtime
