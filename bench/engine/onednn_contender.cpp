// A whole network of oneDNN primitives, each in the layout it prefers. int8: per-tensor and
// per-filter scales, leaky fused into the convolution.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <oneapi/dnnl/dnnl.hpp>
#include <stdexcept>
#include <unordered_map>

#include "contender.h"
#include "oko/graph/oko_file.h"
#include "oko/storage/store.h"
#include "steps.h"

namespace oko::bench {
namespace {

using dnnl::memory;
using Dims = memory::dims;
using Type = memory::data_type;
using Layout = memory::format_tag;

constexpr float kLargestByte = 127;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

Steps steps_of_job(const Job& job) {
  const std::string name = job.file("fp32.oko");
  Steps steps = steps_of(graph::read_oko(storage::map(name), name).network);
  read_ranges(storage::read_text(job.file("ranges.json")), steps);
  return steps;
}

class OneDnn : public Contender {
 public:
  explicit OneDnn(const Job& job) : input_(job.input), int8_(job.precision == "int8") {
    omp_set_num_threads(job.threads);
    const Steps steps = steps_of_job(job);
    const memory data({dims_of(steps.input), Type::f32, Layout::nchw}, engine_, input_.data());
    for (const Step& s : steps.steps) {
      std::vector<Map> inputs;
      for (const int from : s.inputs) {
        inputs.push_back(from == graph::kNetworkInput ? Map{data, 1} : maps_[at(from)]);
      }
      const bool head =
          std::count(steps.heads.begin(), steps.heads.end(), static_cast<int>(maps_.size())) > 0;
      maps_.push_back(add(s, inputs, head));
    }
    for (const int head : steps.heads) {
      heads_.push_back(converted(maps_[at(head)].memory,
                                 {dims_of(steps.steps[at(head)].output), Type::f32, Layout::nchw},
                                 {}));
    }
  }

  void run() override {
    for (const auto& [primitive, arguments] : calls_) primitive.execute(stream_, arguments);
    stream_.wait();
  }

  std::vector<std::vector<float>> heads() override {
    std::vector<std::vector<float>> heads;
    for (const memory& head : heads_) {
      const auto* first = static_cast<const float*>(head.get_data_handle());
      heads.emplace_back(first, first + head.get_desc().get_size() / sizeof(float));
    }
    return heads;
  }

 private:
  // In int8 a value is byte · scale.
  struct Map {
    dnnl::memory memory;
    float scale = 1;
  };

  static Dims dims_of(const graph::Shape& s) { return {1, s.channels, s.height, s.width}; }
  static memory::desc any(const Dims& dims, Type type) { return {dims, type, Layout::any}; }

  float scale_of(const Step& s) const { return int8_ ? s.range.largest() / kLargestByte : 1; }

  memory call(const dnnl::primitive& primitive, std::unordered_map<int, memory> arguments,
              const memory& result) {
    arguments[DNNL_ARG_DST] = result;
    calls_.emplace_back(primitive, std::move(arguments));
    return result;
  }

  // Converts `from` to another layout or type, multiplied by the factors if any, in every run.
  memory converted(const memory& from, const memory::desc& to, const std::vector<float>& factor) {
    if (from.get_desc() == to) return from;
    dnnl::primitive_attr attributes;
    if (!factor.empty()) attributes.set_output_scales(0, factor);
    memory result(to, engine_);
    const dnnl::reorder::primitive_desc reorder(engine_, from.get_desc(), engine_, to, attributes);
    return call(dnnl::reorder(reorder), {{DNNL_ARG_FROM, from}}, result);
  }

  // Converts weights to the layout of a convolution, once.
  template <typename T>
  memory packed(std::vector<T>& values, const memory::desc& plain, const memory::desc& wanted) {
    memory from(plain, engine_, values.data()), to(wanted, engine_);
    dnnl::reorder(from, to).execute(stream_, from, to);
    stream_.wait();
    return to;
  }

  Map add(const Step& s, const std::vector<Map>& inputs, bool head) {
    switch (s.kind) {
      case Step::Kind::kConvolution:
        return convolution(s, inputs[0], head);
      case Step::Kind::kMaxPool:
        return max_pool(s, inputs[0]);
      case Step::Kind::kUpsample:
        return upsample(s, inputs[0]);
      case Step::Kind::kConcat:
        return concat(inputs);
      case Step::Kind::kAdd:
        return sum(s, inputs);
      case Step::Kind::kBilinear:
      case Step::Kind::kSlice:
      case Step::Kind::kShuffle:
        break;
    }
    throw std::runtime_error(s.name + ": not written for oneDNN");
  }

  // Types and scales of a convolution's tensors. The network's input is never negative.
  struct Numbers {
    Type in = Type::f32, out = Type::f32;
    float in_scale = 1, out_scale = 1;
  };
  Numbers numbers_of(const Step& s, const Map& input, bool head) const {
    if (!int8_) return {};
    const bool first = s.inputs[0] == graph::kNetworkInput;
    return {first ? Type::u8 : Type::s8, head ? Type::f32 : Type::s8,
            first ? 1.F / 255 : input.scale, head ? 1 : scale_of(s)};
  }

  static dnnl::primitive_attr attributes_of(const Step& s, const std::vector<float>& factors) {
    dnnl::primitive_attr attributes;
    if (!factors.empty()) attributes.set_output_scales(1 << 1, factors);
    if (s.convolution.activation == graph::Activation::kLeaky) {
      dnnl::post_ops activation;
      activation.append_eltwise(1, dnnl::algorithm::eltwise_relu, graph::kLeakySlope, 0);
      attributes.set_post_ops(activation);
    }
    return attributes;
  }

  memory::desc plain_kernel(const Step& s) const {
    const graph::Convolution& c = s.convolution;
    const int depth = s.input.channels / c.groups;
    const Type type = int8_ ? Type::s8 : Type::f32;
    if (c.groups == 1) return {{c.filters, depth, c.size, c.size}, type, Layout::oihw};
    return {{c.groups, c.filters / c.groups, depth, c.size, c.size}, type, Layout::goihw};
  }

  Map convolution(const Step& s, const Map& input, bool head) {
    const graph::Convolution& c = s.convolution;
    const graph::Padding& p = c.padding;
    const Numbers n = numbers_of(s, input, head);
    std::vector<float> kernel = s.kernel, bias = s.bias, factors;
    const std::vector<float> kernel_scales = filter_scales(s, kLargestByte);
    for (std::size_t i = 0; int8_ && i < bias.size(); ++i) {
      const float sum_scale = n.in_scale / kernel_scales[i];
      bias[i] /= sum_scale;
      factors.push_back(sum_scale / n.out_scale);
    }
    const memory::desc plain = plain_kernel(s), plain_bias({c.filters}, Type::f32, Layout::x);
    const dnnl::convolution_forward::desc wanted(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
        any(dims_of(s.input), n.in), any(plain.dims(), plain.data_type()), plain_bias,
        any(dims_of(s.output), n.out), {c.stride, c.stride}, {p.top, p.left}, {p.bottom, p.right});
    const dnnl::convolution_forward::primitive_desc chosen(wanted, attributes_of(s, factors),
                                                           engine_);
    std::vector<std::int8_t> bytes = quantized(s, kernel_scales);
    const memory weights = int8_ ? packed(bytes, plain, chosen.weights_desc())
                                 : packed(kernel, plain, chosen.weights_desc());
    const bool to_bytes = n.in == Type::u8;
    const memory from =
        converted(input.memory, chosen.src_desc(),
                  to_bytes ? std::vector<float>{1 / n.in_scale} : std::vector<float>{});
    return {call(dnnl::convolution_forward(chosen),
                 {{DNNL_ARG_SRC, from},
                  {DNNL_ARG_WEIGHTS, weights},
                  {DNNL_ARG_BIAS, packed(bias, plain_bias, plain_bias)}},
                 memory(chosen.dst_desc(), engine_)),
            n.out_scale};
  }

  static std::vector<std::int8_t> quantized(const Step& s, const std::vector<float>& scales) {
    const std::size_t each = s.kernel.size() / scales.size();
    std::vector<std::int8_t> bytes;
    for (std::size_t k = 0; k < s.kernel.size(); ++k) {
      bytes.push_back(static_cast<std::int8_t>(std::lround(s.kernel[k] * scales[k / each])));
    }
    return bytes;
  }

  Map max_pool(const Step& s, const Map& input) {
    const graph::Padding& p = s.pool.padding;
    const memory::desc from = input.memory.get_desc();
    const dnnl::pooling_forward::desc wanted(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::pooling_max, from,
        any(dims_of(s.output), from.data_type()), {s.pool.stride, s.pool.stride},
        {s.pool.size, s.pool.size}, {p.top, p.left}, {p.bottom, p.right});
    const dnnl::pooling_forward::primitive_desc chosen(wanted, engine_);
    return {call(dnnl::pooling_forward(chosen), {{DNNL_ARG_SRC, input.memory}},
                 memory(chosen.dst_desc(), engine_)),
            input.scale};
  }

  Map upsample(const Step& s, const Map& input) {
    const memory::desc from = input.memory.get_desc();
    const dnnl::resampling_forward::desc wanted(dnnl::prop_kind::forward_inference,
                                                dnnl::algorithm::resampling_nearest, from,
                                                any(dims_of(s.output), from.data_type()));
    const dnnl::resampling_forward::primitive_desc chosen(wanted, engine_);
    return {call(dnnl::resampling_forward(chosen), {{DNNL_ARG_SRC, input.memory}},
                 memory(chosen.dst_desc(), engine_)),
            input.scale};
  }

  Map concat(const std::vector<Map>& inputs) {
    std::vector<memory::desc> descs;
    for (const Map& input : inputs) descs.push_back(input.memory.get_desc());
    const dnnl::concat::primitive_desc chosen(1, descs, engine_);
    std::unordered_map<int, memory> arguments;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      arguments[DNNL_ARG_MULTIPLE_SRC + static_cast<int>(k)] = inputs[k].memory;
    }
    return {call(dnnl::concat(chosen), std::move(arguments), memory(chosen.dst_desc(), engine_)),
            inputs[0].scale};
  }

  Map sum(const Step& s, const std::vector<Map>& inputs) {
    const float scale = scale_of(s);
    dnnl::primitive_attr attributes;
    if (int8_) {
      attributes.set_scales(DNNL_ARG_SRC_0, 0, {inputs[0].scale / scale});
      attributes.set_scales(DNNL_ARG_SRC_1, 0, {inputs[1].scale / scale});
    }
    const memory::desc to = inputs[0].memory.get_desc();
    const memory second = converted(inputs[1].memory, to, {});
    const dnnl::binary::primitive_desc chosen({dnnl::algorithm::binary_add, to, to, to}, attributes,
                                              engine_);
    return {
        call(dnnl::binary(chosen), {{DNNL_ARG_SRC_0, inputs[0].memory}, {DNNL_ARG_SRC_1, second}},
             memory(to, engine_)),
        scale};
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::vector<float> input_;
  bool int8_;
  std::vector<Map> maps_;
  std::vector<memory> heads_;
  std::vector<std::pair<dnnl::primitive, std::unordered_map<int, memory>>> calls_;
};

}  // namespace
}  // namespace oko::bench

int main(int argc, char** argv) {
  return oko::bench::serve(
      argc, argv, [](const auto& job) { return std::make_unique<oko::bench::OneDnn>(job); });
}
