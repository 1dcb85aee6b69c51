#include <algorithm>
#include <array>
#include <cmath>

#include "oko/base/error.h"
#include "oko/convert/coreml/steps.h"
#include "oko/formats/coreml/network_file.h"
#include "oko/formats/coreml/weights.h"

namespace oko::convert::coreml {
namespace {

using formats::coreml::FileLayer;
using formats::coreml::Message;
using formats::coreml::read_weights;
using graph::Shape;
using Inputs = std::vector<const Map*>;
namespace file = formats::coreml;

class NetworkSteps {
 public:
  NetworkSteps(const Message& network, std::string name)
      : network_(network), name_(std::move(name)) {}

  std::vector<Step> run() {
    for (const FileLayer& layer : file::layers_of(network_)) {
      layer_ = &layer;
      place_ = name_ + ": " + layer.name + " (" + file::name_of_kind(layer.kind) + ")";
      if (layer.inputs.empty()) {
        refuse(input_error(place_, "reads nothing"));
      } else if (layer.kind == file::kSplit) {
        split();
      } else {
        try {
          add(layer.outputs.front(), step());
        } catch (const Error& error) {
          refuse(error);
        }
      }
    }
    return std::move(steps_);
  }

 private:
  using Make = std::function<Map(const Inputs&)>;

  void add(const std::string& output, Make make) {
    steps_.push_back({layer_->name, output, layer_->inputs, std::move(make)});
  }
  // It matters only if the layer is needed.
  void refuse(const Error& error) {
    add(layer_->outputs.front(), [error](const Inputs&) -> Map { throw Error(error); });
  }
  [[noreturn]] void fail(const std::string& message) const { throw input_error(place_, message); }
  const Message& settings() const { return layer_->settings; }

  Make step() {
    switch (layer_->kind) {
      case file::kConvolution:
        return convolution();
      case file::kPooling:
        return pooling();
      case file::kActivation:
        return activation();
      case file::kInnerProduct:
        return inner_product();
      case file::kBatchNorm:
        return batch_norm();
      case file::kSoftmax:
        return [](const Inputs& in) { return softmax_of(*in[0]); };
      case file::kPad:
        return pad();
      case file::kUpsample:
        return upsample();
      case file::kResizeBilinear:
        return resize();
      case file::kReorganizeData:
        return reorganize();
      case file::kSoftmaxNd:
        return softmax_nd();
      case file::kBatchedMatMul:
        return matmul();
      case file::kUnary:
        return unary();
      case file::kAdd:
        return elementwise(0, [](float a, float b) { return a + b; });
      case file::kMultiply:
        return elementwise(1, [](float a, float b) { return a * b; });
      case file::kScale:
        return scale();
      case file::kBias:
        return bias();
      case file::kReduce:
        return reduce();
      case file::kReshape:
        return reshape();
      case file::kReshapeStatic:
        return reshape_to_rows();
      case file::kFlatten:
        return flatten();
      case file::kPermute:
        return permute();
      case file::kConcat:
        return [place = place_](const Inputs& in) { return joined(in, place); };
      case file::kSlice:
        return slice();
      default:
        fail("is a layer type that the interpreter does not support");
    }
  }

  Make convolution() {
    using Params = file::ConvolutionLayerParams;
    const std::uint64_t filters = settings().integer(Params::kOutputChannels);
    const std::uint64_t depth = settings().integer(Params::kKernelChannels);
    if (settings().flag(Params::kIsDeconvolution) || filters < 1 || filters > 1 << 20 ||
        depth < 1 || depth > 1 << 20) {
      fail("is not a plain convolution");
    }
    Kernel kernel;
    kernel.filters = static_cast<int>(filters);
    kernel.depth = static_cast<int>(depth);
    kernel.groups = std::max(1, static_cast<int>(settings().integer(Params::kNGroups)));
    const file::Window window = file::window_of(*layer_, {1, 1, 1}, place_);
    kernel.size = window.size;
    kernel.stride = window.stride;
    kernel.dilation = window.dilation;
    kernel.weights =
        read_weights(settings().message(Params::kWeights),
                     std::int64_t{kernel.filters} * kernel.depth * kernel.size * kernel.size,
                     kernel.filters, place_);
    if (settings().flag(Params::kHasBias)) {
      kernel.bias =
          read_weights(settings().message(Params::kBias), kernel.filters, kernel.filters, place_);
    }
    return [layer = *layer_, kernel = std::move(kernel), place = place_](const Inputs& in) {
      return convolved(*in[0], kernel, file::window_of(layer, in[0]->shape, place).padding, place);
    };
  }

  Make inner_product() {
    using Params = file::InnerProductLayerParams;
    const std::uint64_t inputs = settings().integer(Params::kInputChannels);
    const std::uint64_t outputs = settings().integer(Params::kOutputChannels);
    if (inputs < 1 || outputs < 1 || inputs > 1 << 24 || outputs > 1 << 20) fail("is empty");
    Kernel kernel;
    kernel.filters = static_cast<int>(outputs);
    kernel.depth = static_cast<int>(inputs);
    kernel.weights =
        read_weights(settings().message(Params::kWeights),
                     std::int64_t{kernel.filters} * kernel.depth, kernel.filters, place_);
    if (settings().flag(Params::kHasBias)) {
      kernel.bias =
          read_weights(settings().message(Params::kBias), kernel.filters, kernel.filters, place_);
    }
    return [kernel = std::move(kernel), place = place_](const Inputs& in) {
      if (in[0]->plane() != 1) throw input_error(place, "reads a tensor that is not flat");
      return convolved(*in[0], kernel, {}, place);
    };
  }

  Make pooling() {
    const std::uint64_t type = settings().integer(file::PoolingLayerParams::kType);
    if (type > file::kAveragePool) fail("is neither a max nor an average pool");
    const bool global = settings().flag(file::PoolingLayerParams::kGlobalPooling);
    if (type == file::kAveragePool) {
      if (global) return [](const Inputs& in) { return averaged(*in[0]); };
      const bool inside = settings().flag(file::PoolingLayerParams::kAvgPoolExcludePadding);
      return [layer = *layer_, inside, place = place_](const Inputs& in) {
        const file::Window window = file::window_of(layer, in[0]->shape, place);
        return averaged(*in[0], window.size, window.stride, window.padding, inside, place);
      };
    }
    if (global) fail("is a global max pool");
    return [layer = *layer_, place = place_](const Inputs& in) {
      const file::Window window = file::window_of(layer, in[0]->shape, place);
      return max_pooled(*in[0], window.size, window.stride, window.padding, place);
    };
  }

  Make activation() {
    std::uint32_t kind = 0;
    settings().for_each([&](const file::Field& field) { kind = field.number; });
    const Message line = settings().message(kind);
    const float alpha = line.real(file::ActivationLine::kAlpha),
                beta = line.real(file::ActivationLine::kBeta);
    const auto each = [](const std::function<float(float)>& f) {
      return [f](const Inputs& in) { return mapped(*in[0], f); };
    };
    switch (kind) {
      case file::kLinear:
        return each([=](float x) { return alpha * x + beta; });
      case file::kRelu:
        return each([](float x) { return x > 0 ? x : 0; });
      case file::kLeakyRelu:
        return each([=](float x) { return x >= 0 ? x : alpha * x; });
      case file::kTanh:
        return each([](float x) { return std::tanh(x); });
      case file::kSigmoid:
        return each(sigmoid_of);
      case file::kSigmoidHard:
        return each([=](float x) { return std::min(std::max(alpha * x + beta, 0.F), 1.F); });
      case file::kElu:
        return each([=](float x) { return x > 0 ? x : alpha * std::expm1(x); });
      case file::kSoftplus:
        return each(softplus_of);
      default:
        fail("is an activation that the interpreter does not support");
    }
  }

  Make unary() {
    using Params = file::UnaryFunctionLayerParams;
    const std::uint64_t type = settings().integer(Params::kType);
    const float alpha = settings().real(Params::kAlpha), shift = settings().real(Params::kShift);
    float scale = settings().real(Params::kScale), epsilon = settings().real(Params::kEpsilon);
    if (scale == 0) scale = 1;
    if (epsilon == 0) epsilon = 1e-6F;
    const auto function = [=](float value) -> float {
      const float x = scale * value + shift;
      switch (type) {
        case file::kSqrt:
          return std::sqrt(x);
        case file::kRsqrt:
          return 1 / std::sqrt(x + epsilon);
        case file::kInverse:
          return 1 / (x + epsilon);
        case file::kPower:
          return std::pow(x, alpha);
        case file::kExp:
          return std::exp(x);
        case file::kLog:
          return std::log(x);
        case file::kAbs:
          return std::fabs(x);
        default:
          return std::max(alpha, x);
      }
    };
    if (type > file::kThreshold) fail("is an unknown function");
    return [function](const Inputs& in) { return mapped(*in[0], function); };
  }

  Make elementwise(float neutral, const std::function<float(float, float)>& combine) {
    const float alpha = settings().real(file::AddLayerParams::kAlpha, neutral);
    return [alpha, combine, place = place_](const Inputs& in) {
      if (in.size() == 1) return mapped(*in[0], [&](float x) { return combine(x, alpha); });
      Map out = *in[0];
      for (std::size_t i = 1; i < in.size(); ++i) out = combined(out, *in[i], combine, place);
      return out;
    };
  }

  // Constants of the shape [1], [C], [1, H, W] or [C, H, W].
  Map constants(file::FieldNumber shape_field, file::FieldNumber field) const {
    std::vector<std::int64_t> sides = settings().integers(shape_field);
    if (sides.size() == 1) sides = {sides[0], 1, 1};
    std::int64_t count = sides.size() == 3 ? 1 : 0;
    for (const std::int64_t side : sides) {
      if (side < 1 || side > 1 << 20 || (count *= side) > 1 << 28)
        fail("has constants without a shape");
    }
    if (count == 0) fail("has constants without a shape");
    Map map;
    map.shape = {static_cast<int>(sides[0]), static_cast<int>(sides[1]),
                 static_cast<int>(sides[2])};
    map.values = read_weights(settings().message(field), count, count, place_);
    return map;
  }

  Make scale() {
    using Params = file::ScaleLayerParams;
    const auto multiply = [](float a, float b) { return a * b; };
    const auto add = [](float a, float b) { return a + b; };
    Map shift;
    const bool shifted = settings().flag(Params::kHasBias);
    if (shifted) shift = constants(Params::kShapeBias, Params::kBias);
    return [=, factor = constants(Params::kShapeScale, Params::kScale),
            place = place_](const Inputs& in) {
      Map out = combined(*in[0], factor, multiply, place);
      return shifted ? combined(out, shift, add, place) : out;
    };
  }

  Make bias() {
    return [shift = constants(file::BiasLayerParams::kShape, file::BiasLayerParams::kBias),
            place = place_](const Inputs& in) {
      return combined(
          *in[0], shift, [](float a, float b) { return a + b; }, place);
    };
  }

  Make batch_norm() {
    using Params = file::BatchnormLayerParams;
    const std::uint64_t channels = settings().integer(Params::kChannels);
    if (channels < 1 || channels > 1 << 20 || settings().flag(Params::kComputeMeanVar))
      fail("is not a plain batch norm");
    const auto count = static_cast<std::int64_t>(channels);
    const auto numbers = [&](Params field) {
      return read_weights(settings().message(field), count, count, place_);
    };
    const float given = settings().real(Params::kEpsilon), epsilon = given == 0 ? 1e-5F : given;
    return [=, gamma = numbers(Params::kGamma), beta = numbers(Params::kBeta),
            mean = numbers(Params::kMean), variance = numbers(Params::kVariance),
            place = place_](const Inputs& in) {
      Map out = *in[0];
      if (out.shape.channels != count) throw input_error(place, "does not fit its input");
      for (std::size_t i = 0; i < out.values.size(); ++i) {
        const std::size_t c = i / out.plane();
        const double root = std::sqrt(double{variance[c]} + epsilon);
        out.values[i] =
            static_cast<float>((double{out.values[i]} - mean[c]) / root * gamma[c] + beta[c]);
      }
      return out;
    };
  }

  Make pad() {
    using Params = file::PaddingLayerParams;
    const graph::Padding amounts =
        file::border_of(settings().message(Params::kPaddingAmounts), place_);
    const float value = settings().message(Params::kConstant).real(file::PaddingConstant::kValue);
    if (!settings().has(Params::kConstant)) fail("does not pad with a constant");
    return [=](const Inputs& in) { return padded(*in[0], amounts, value); };
  }

  Make upsample() {
    using Params = file::UpsampleLayerParams;
    const std::vector<std::int64_t> scale = settings().integers(Params::kScalingFactor);
    if (scale.size() != 2 || scale[0] != scale[1] || scale[0] < 1 || scale[0] > 1024) {
      fail("does not upsample by one integer factor");
    }
    const auto n = static_cast<int>(scale[0]);
    if (settings().integer(Params::kMode) == file::kNearest) {
      return [n](const Inputs& in) { return upsampled(*in[0], n); };
    }
    const std::uint64_t linear = settings().integer(Params::kLinearUpsampleMode);
    if (linear > file::kAlignCornersFalse) fail("has an unknown mode");
    const Grid grid = linear == file::kDefault            ? on_starts
                      : linear == file::kAlignCornersTrue ? on_corners
                                                          : on_half_pixels;
    return [=, place = place_](const Inputs& in) {
      const Shape& s = in[0]->shape;
      return interpolated(*in[0], s.height * n, s.width * n, grid, place);
    };
  }

  Make resize() {
    using Params = file::ResizeBilinearLayerParams;
    const std::vector<std::int64_t> size = settings().integers(Params::kTargetSize);
    const std::uint64_t method =
        settings().message(Params::kMode).integer(file::SamplingMode::kSamplingMethod);
    if (size.size() != 2 || method > file::kUpsampleMode) fail("resizes in an unknown way");
    return [=, grid = method == file::kUpsampleMode ? on_starts : on_corners,
            place = place_](const Inputs& in) {
      return interpolated(*in[0], static_cast<int>(size[0]), static_cast<int>(size[1]), grid,
                          place);
    };
  }

  Make reorganize() {
    using Params = file::ReorganizeDataLayerParams;
    const std::uint64_t block = settings().integer(Params::kBlockSize);
    if (settings().integer(Params::kMode) != file::kSpaceToDepth || block < 1 || block > 1024) {
      fail("does not move pixels to channels");
    }
    return [n = static_cast<int>(block), place = place_](const Inputs& in) {
      return space_to_depth(*in[0], n, place);
    };
  }

  Make softmax_nd() {
    const auto axis =
        static_cast<std::int64_t>(settings().integer(file::SoftmaxNDLayerParams::kAxis));
    if (axis < -3 || axis > -1) fail("is over an axis other than channels, rows and columns");
    return [at = static_cast<int>(axis + 3)](const Inputs& in) { return softmax_of(*in[0], at); };
  }

  Make matmul() {
    using Params = file::BatchedMatMulLayerParams;
    return [a = settings().flag(Params::kTransposeA), b = settings().flag(Params::kTransposeB),
            place = place_](const Inputs& in) {
      if (in.size() != 2) throw input_error(place, "does not multiply two tensors");
      return multiplied(*in[0], *in[1], a, b, place);
    };
  }

  Make reduce() {
    using Params = file::ReduceLayerParams;
    const std::uint64_t mode = settings().integer(Params::kMode);
    if ((mode != file::kSum && mode != file::kMax) ||
        settings().integer(Params::kAxis) != file::kReduceChannels) {
      fail("is neither a sum nor a maximum over the channels");
    }
    return [sum = mode == file::kSum](const Inputs& in) {
      return reduced(*in[0], [sum](float a, float b) { return sum ? a + b : std::max(a, b); });
    };
  }

  // To any rank; here only to a list of rows.
  Make reshape_to_rows() {
    const auto sides = settings().integers(file::ReshapeLayerParams::kTargetShape);
    if (sides.size() != 2) fail("does not make a list of rows");
    return [to = std::array<std::int64_t, 3>{sides[0], sides[1], 1},
            place = place_](const Inputs& in) { return reshaped(*in[0], to, place); };
  }

  Make reshape() {
    using Params = file::ReshapeLayerParams;
    std::vector<std::int64_t> sides = settings().integers(Params::kTargetShape);
    if (sides.size() == 4 && sides[0] == 1) sides.erase(sides.begin());
    if (sides.size() != 3 || settings().integer(Params::kMode) != file::kChannelFirst)
      fail("is not channels-first, or has a sequence axis");
    return [to = std::array{sides[0], sides[1], sides[2]}, place = place_](const Inputs& in) {
      return reshaped(*in[0], to, place);
    };
  }

  Make flatten() {
    return [last = settings().integer(file::FlattenLayerParams::kMode) ==
                   file::kChannelLast](const Inputs& in) {
      const Map& from = *in[0];
      Map out({static_cast<int>(from.values.size()), 1, 1});
      out.values = from.values;
      if (!last) return out;
      const auto channels = static_cast<std::size_t>(from.shape.channels);
      for (std::size_t i = 0; i < out.values.size(); ++i) {
        out.values[i] = from.values[i % channels * from.plane() + i / channels];
      }
      return out;
    };
  }

  Make permute() {
    const std::vector<std::int64_t> axes = settings().integers(file::PermuteLayerParams::kAxis);
    std::vector<std::int64_t> sorted = axes;
    std::ranges::sort(sorted);
    if (sorted != std::vector<std::int64_t>{0, 1, 2, 3} || axes[0] != 0) {
      fail("moves the sequence axis");
    }
    const std::array<int, 3> order{static_cast<int>(axes[1]) - 1, static_cast<int>(axes[2]) - 1,
                                   static_cast<int>(axes[3]) - 1};
    return [order](const Inputs& in) { return permuted(*in[0], order); };
  }

  Make slice() {
    using Params = file::SliceLayerParams;
    const std::uint64_t axis = settings().integer(Params::kAxis);
    if (axis > file::kWidthAxis || settings().integer(Params::kStride) != 1) {
      fail("slices an unknown axis, or has a step");
    }
    const auto begin = static_cast<std::int64_t>(settings().integer(Params::kStartIndex));
    const auto end = static_cast<std::int64_t>(settings().integer(Params::kEndIndex));
    return [=, at = static_cast<int>(axis), place = place_](const Inputs& in) {
      return part_of(*in[0], at, begin, end, place);
    };
  }

  void split() {
    const auto parts = static_cast<int>(layer_->outputs.size());
    for (int i = 0; i < parts; ++i) {
      add(layer_->outputs[i], [=, place = place_](const Inputs& in) {
        const int each = in[0]->shape.channels / parts;
        return channels_of(*in[0], std::int64_t{i} * each, std::int64_t{i + 1} * each, place);
      });
    }
  }

  const Message& network_;
  std::string name_, place_;
  const FileLayer* layer_ = nullptr;
  std::vector<Step> steps_;
};

}  // namespace

std::vector<Step> network_steps(const Message& network, const std::string& name) {
  return NetworkSteps(network, name).run();
}

}  // namespace oko::convert::coreml
