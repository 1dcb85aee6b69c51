#include "plain_network.h"

#include <limits>
#include <stdexcept>

namespace oko::bench {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

at::Tensor max_pool(const graph::MaxPool& pool, const at::Tensor& x) {
  if (pool.size == 2 && pool.stride == 1) {
    return at::max_pool2d(at::constant_pad_nd(x, {0, 1, 0, 1}, kMinusInfinity), {2, 2}, {1, 1});
  }
  const std::int64_t padding = pool.stride == 1 ? pool.size / 2 : pool.padding.top;
  return at::max_pool2d(x, {pool.size, pool.size}, {pool.stride, pool.stride}, {padding, padding});
}

at::Tensor route(const graph::Route& settings, std::vector<at::Tensor> x) {
  for (at::Tensor& part : x) {
    if (settings.groups > 1) part = part.chunk(settings.groups, 1)[settings.group];
  }
  return x.size() == 1 ? x[0] : at::cat(x, 1);
}

// As ShuffleNet's authors write it.
at::Tensor shuffle(const graph::Shuffle& settings, const at::Tensor& x) {
  const std::int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
  return x.reshape({n, settings.groups, c / settings.groups, h, w})
      .transpose(1, 2)
      .reshape({n, c, h, w});
}

}  // namespace

PlainNetwork::PlainNetwork(const graph::Network& network, at::MemoryFormat format)
    : network_(network), format_(format), convolutions_(network.layers.size()) {
  const auto weight = [&](const std::string& name) {
    const graph::Tensor& tensor = network.weights.at(name);
    const at::Tensor value =
        at::from_blob(const_cast<float*>(tensor.floats().data()), tensor.shape, at::kFloat).clone();
    return value.dim() == 4 ? value.contiguous(format) : value;
  };
  const auto parameter = [&](const std::string& name) {
    parameters_.push_back(weight(name).requires_grad_());
    velocities_.push_back(at::zeros_like(parameters_.back()));
    return parameters_.back();
  };
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const auto* settings = std::get_if<graph::Convolution>(&network.layers[i].operation);
    if (settings == nullptr) continue;
    const std::string& name = network.layers[i].name;
    convolutions_[i] = {parameter(name + ".kernel"), parameter(name + ".bias"), {}, {}, {}};
    if (!settings->batch_norm) continue;
    convolutions_[i].scale = parameter(name + ".scale");
    convolutions_[i].mean = weight(name + ".mean");
    convolutions_[i].variance = weight(name + ".variance");
  }
}

std::vector<at::Tensor> PlainNetwork::forward(const at::Tensor& input) {
  const at::Tensor first = input.contiguous(format_);
  std::vector<at::Tensor> maps, heads;
  for (std::size_t i = 0; i < network_.layers.size(); ++i) {
    const graph::Layer& layer = network_.layers[i];
    std::vector<at::Tensor> x;
    for (const int from : layer.inputs) {
      x.push_back(from < 0 ? first : maps[from]);
    }
    const graph::Operation& operation = layer.operation;
    if (const auto* settings = std::get_if<graph::Convolution>(&operation)) {
      maps.push_back(convolve(*settings, convolutions_[i], x[0]));
    } else if (const auto* pool = std::get_if<graph::MaxPool>(&operation)) {
      maps.push_back(max_pool(*pool, x[0]));
    } else if (std::holds_alternative<graph::Upsample>(operation)) {
      maps.push_back(at::upsample_nearest2d(x[0], {layer.output.height, layer.output.width}));
    } else if (std::holds_alternative<graph::Bilinear>(operation)) {
      maps.push_back(
          at::upsample_bilinear2d(x[0], {layer.output.height, layer.output.width}, false));
    } else if (const auto* part = std::get_if<graph::Route>(&operation)) {
      maps.push_back(route(*part, x));
    } else if (const auto* mixed = std::get_if<graph::Shuffle>(&operation)) {
      maps.push_back(shuffle(*mixed, x[0]));
    } else if (std::holds_alternative<graph::Shortcut>(operation)) {
      maps.push_back(x[0] + x[1]);
    } else if (const auto* dropout = std::get_if<graph::Dropout>(&operation)) {
      maps.push_back(at::dropout(x[0], dropout->probability, true));
    } else if (std::holds_alternative<graph::Yolo>(operation) ||
               std::holds_alternative<graph::Distances>(operation)) {
      heads.push_back(x[0].to(at::kFloat));
      maps.push_back(x[0]);
    } else {
      throw std::runtime_error(std::string("no plain LibTorch form of ") +
                               graph::name_of(operation));
    }
  }
  return heads;
}

at::Tensor PlainNetwork::convolve(const graph::Convolution& settings, Convolution& own,
                                  const at::Tensor& x) {
  const bool normed = settings.batch_norm.has_value();
  at::Tensor y = at::conv2d(x, own.kernel, normed ? at::Tensor() : own.bias,
                            {settings.stride, settings.stride},
                            {settings.padding.top, settings.padding.left}, {1, 1}, settings.groups);
  if (normed) {
    y = at::batch_norm(y, own.scale, own.bias, own.mean, own.variance, true, .1,
                       settings.batch_norm->epsilon, false);
  }
  return settings.activation == graph::Activation::kLeaky ? at::leaky_relu_(y, graph::kLeakySlope)
                                                          : y;
}

void PlainNetwork::update(double rate, double momentum, double decay) {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor& value = parameters_[i];
    at::Tensor gradient = value.grad();
    if (value.dim() == 4) gradient = gradient.add(value, decay);
    velocities_[i].mul_(momentum).add_(gradient);
    value.add_(velocities_[i], -rate);
    value.mutable_grad() = at::Tensor();
  }
}

}  // namespace oko::bench
