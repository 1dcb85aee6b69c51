#include "oko/formats/coreml/read_network.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "oko/base/error.h"
#include "oko/formats/builder.h"
#include "oko/formats/coreml/weights.h"

namespace oko::formats::coreml {
namespace {

using graph::Activation;
using graph::Shape;
using graph::Tensor;

constexpr float kMaxScaleError = 1e-6F;

// The field of a layer's activation; 0 for other layers.
std::uint32_t activation_kind(const FileLayer& layer) {
  std::uint32_t kind = 0;
  if (layer.kind != kActivation) return kind;
  layer.settings.for_each([&](const Field& field) { kind = field.number; });
  return kind;
}

bool is_line(const FileLayer& layer, float alpha, float beta) {
  if (activation_kind(layer) != kLinear) return false;
  const Message line = layer.settings.message(kLinear);
  return line.real(ActivationLine::kAlpha) == alpha && line.real(ActivationLine::kBeta) == beta;
}

class Reader {
 public:
  Reader(const Message& network, const Signature& signature)
      : network_(network), signature_(signature), builder_(signature.file) {}

  Imported run() {
    layers_ = layers_of(network_);
    index_makers();
    join_activations();
    leave_out_decoding();
    const std::vector<std::string> outputs = outputs_of();
    count_uses(outputs);
    start();
    for (const Item& item : items_) {
      if (!item.dropped) build(item);
    }
    Imported imported = builder_.finish(signature_.model, outputs);
    imported.network.preprocess.bgr = signature_.input.bgr;
    imported.notes = notes_;
    for (const Item& item : items_) {
      if (item.dropped) imported.dropped.push_back(dropped_node(item));
    }
    return imported;
  }

 private:
  // A layer of the file, or several that form one activation.
  struct Item {
    const FileLayer* layer = nullptr;  // the last of them
    std::vector<std::string> inputs;
    std::optional<Activation> activation{};
    bool dropped = false;
  };

  DroppedNode dropped_node(const Item& item) const {
    return {place(*item.layer), name_of_kind(item.layer->kind)};
  }

  std::string place(const FileLayer& layer) const {
    return signature_.file + ": " + layer.name + " (" + name_of_kind(layer.kind) + ")";
  }
  [[noreturn]] void fail(const FileLayer& layer, const std::string& message,
                         const std::string& hint = {}) const {
    throw input_error(place(layer), message, hint);
  }
  Node node(const FileLayer& layer) const { return {layer.name, name_of_kind(layer.kind)}; }

  void index_makers() {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      for (const std::string& map : layers_[i].outputs) makers_[map] = i;
      for (const std::string& map : layers_[i].inputs) ++readers_[map];
    }
    for (const std::string& map : signature_.outputs) ++readers_[map];
  }

  // The layer that produces a tensor with `readers` readers; null if there is none.
  const FileLayer* maker(const std::string& map, int readers = 1) const {
    const auto found = makers_.find(map);
    if (found == makers_.end() || readers_.find(map)->second != readers) return nullptr;
    return &layers_[found->second];
  }

  // x · tanh(softplus(x)) and x · sigmoid(x), in either order, and min(relu(x), 6).
  std::optional<Activation> joined(const FileLayer& last, std::vector<const FileLayer*>& parts,
                                   std::string& input) const {
    if (last.kind == kMultiply && last.inputs.size() == 2) {
      for (const int gate : {0, 1}) {
        input = last.inputs[gate == 0 ? 1 : 0];
        const FileLayer* first = maker(last.inputs[gate]);
        if (first == nullptr || first->inputs.size() != 1) continue;
        if (activation_kind(*first) == kSigmoid && first->inputs[0] == input) {
          parts = {first};
          return Activation::kSwish;
        }
        if (activation_kind(*first) != kTanh) continue;
        const FileLayer* softplus = maker(first->inputs[0]);
        if (softplus == nullptr || activation_kind(*softplus) != kSoftplus ||
            softplus->inputs != std::vector{input}) {
          continue;
        }
        parts = {first, softplus};
        return Activation::kMish;
      }
    }
    if (!is_line(last, -1, 0) || last.inputs.size() != 1) return std::nullopt;
    using Unary = UnaryFunctionLayerParams;
    const FileLayer* least = maker(last.inputs[0]);
    if (least == nullptr || least->kind != kUnary || least->inputs.size() != 1 ||
        least->settings.integer(Unary::kType) != kThreshold ||
        least->settings.real(Unary::kAlpha) != -6 || least->settings.real(Unary::kShift) != 0 ||
        least->settings.real(Unary::kScale, 1) != -1) {
      return std::nullopt;
    }
    const FileLayer* relu = maker(least->inputs[0]);
    if (relu == nullptr || activation_kind(*relu) != kRelu || relu->inputs.size() != 1) {
      return std::nullopt;
    }
    parts = {least, relu};
    input = relu->inputs[0];
    return Activation::kRelu6;
  }

  void join_activations() {
    std::set<const FileLayer*> absorbed;
    std::map<const FileLayer*, std::pair<Activation, std::string>> found;
    for (const FileLayer& layer : layers_) {
      std::vector<const FileLayer*> parts;
      std::string input;
      const auto activation = joined(layer, parts, input);
      if (!activation) continue;
      absorbed.insert(parts.begin(), parts.end());
      found[&layer] = {*activation, input};
    }
    for (const FileLayer& layer : layers_) {
      if (absorbed.contains(&layer)) continue;
      Item item{&layer, layer.inputs};
      if (const auto activation = found.find(&layer); activation != found.end()) {
        item.activation = activation->second.first;
        item.inputs = {activation->second.second};
      }
      items_.push_back(std::move(item));
    }
  }

  static bool begins_decoding(const FileLayer& layer) {
    return layer.kind == kReshape || layer.kind == kPermute || layer.kind == kTranspose ||
           layer.kind == kReshapeStatic || layer.kind == kLoadConstant;
  }
  static bool has_weights_of_a_network(const FileLayer& layer) {
    return layer.kind == kConvolution || layer.kind == kInnerProduct || layer.kind == kBatchNorm;
  }

  // Layers from the first that rearranges a tensor on are box decoding, unless a convolution
  // follows.
  void leave_out_decoding() {
    std::map<std::string, const FileLayer*> cause;  // by tensor that depends on such a layer
    const FileLayer* first = nullptr;
    int count = 0;
    for (Item& item : items_) {
      const FileLayer* from = begins_decoding(*item.layer) ? item.layer : nullptr;
      for (const std::string& map : item.inputs) {
        if (const auto found = cause.find(map); found != cause.end()) from = found->second;
      }
      if (from == nullptr) continue;
      if (has_weights_of_a_network(*item.layer)) {
        fail(*from,
             "rearranges a tensor that \"" + item.layer->name +
                 "\" reads, which oko does not support",
             "export the model without it");
      }
      item.dropped = true;
      ++count;
      if (first == nullptr) first = item.layer;
      for (const std::string& map : item.layer->outputs) cause.emplace(map, from);
    }
    if (first != nullptr) {
      notes_.push_back(
          std::to_string(count) + " layers from \"" + first->name + "\" (" +
          name_of_kind(first->kind) +
          ") on, which decode boxes, are dropped: the outputs are the tensors before them");
    }
  }

  // The model's outputs, with dropped ones replaced by the tensors they depend on.
  std::vector<std::string> outputs_of() const {
    std::set<std::string> made;
    for (const Item& item : items_) {
      if (!item.dropped) made.insert(item.layer->outputs.begin(), item.layer->outputs.end());
    }
    std::vector<std::string> outputs, cut;
    for (const Item& item : items_) {
      if (!item.dropped) continue;
      for (const std::string& map : item.inputs) {
        if (made.contains(map) && std::ranges::find(cut, map) == cut.end()) cut.push_back(map);
      }
    }
    bool replaced = false;
    for (const std::string& map : signature_.outputs) {
      if (!makers_.contains(map)) {
        throw input_error(signature_.file + ": " + map,
                          "no layer produces this output of the model");
      }
      if (made.contains(map)) {
        outputs.push_back(map);
      } else if (!replaced) {
        outputs.insert(outputs.end(), cut.begin(), cut.end());
        replaced = true;
      }
    }
    return outputs;
  }

  void count_uses(const std::vector<std::string>& outputs) {
    for (const Item& item : items_) {
      if (item.dropped) continue;
      for (const std::string& map : item.inputs) builder_.use(map);
    }
    for (const std::string& map : outputs) builder_.use(map);
  }

  // The input, with a layer that scales its values to oko's 0…1 where needed.
  void start() {
    const Shape shape = picture_shape(signature_);
    const std::string& name = signature_.input.name;
    const PixelScaling scaling = scaling_of(network_, signature_.input);
    const float factor = signature_.input.image ? scaling.scale * 255 : scaling.scale;
    if (std::fabs(factor - 1) < kMaxScaleError && scaling.bias.empty()) {
      builder_.input(name, shape);
      return;
    }
    const std::string raw = name + " unscaled";
    builder_.input(raw, shape);
    builder_.use(raw);
    const auto channels = static_cast<std::size_t>(shape.channels);
    Tensor scale = Tensor::of(std::vector<float>(channels, factor), {shape.channels});
    Tensor bias;
    if (!scaling.bias.empty()) bias = Tensor::of(scaling.bias, {shape.channels});
    builder_.affine({"preprocessing", "scaler"}, raw, name, std::move(scale), std::move(bias));
    notes_.push_back(
        "the input's values are not 0 to 1: a layer \"preprocessing\" was added to scale them");
  }

  const std::string& only_input(const Item& item) const {
    if (item.inputs.size() != 1) {
      fail(*item.layer, "reads " + std::to_string(item.inputs.size()) + " tensors instead of one");
    }
    return item.inputs.front();
  }

  Tensor vector_of(const FileLayer& layer, FieldNumber field, std::int64_t count,
                   const char* what) const {
    return Tensor::of(
        read_weights(layer.settings.message(field), count, count, place(layer) + ": " + what),
        {count});
  }

  void build(const Item& item) {
    const FileLayer& layer = *item.layer;
    const std::string& to = layer.outputs.front();
    if (item.activation) {
      return builder_.activation(node(layer), only_input(item), to, *item.activation);
    }
    switch (layer.kind) {
      case kConvolution:
        return convolution(layer, only_input(item), to);
      case kPooling:
        return pooling(layer, only_input(item), to);
      case kActivation:
        return activation(layer, only_input(item), to);
      case kInnerProduct:
        return inner_product(layer, only_input(item), to);
      case kBatchNorm:
        return batch_norm(layer, only_input(item), to);
      case kSoftmaxNd:
        if (layer.settings.integer(SoftmaxNDLayerParams::kAxis) != static_cast<std::uint64_t>(-3)) {
          fail(layer, "is over an axis other than channels");
        }
        [[fallthrough]];
      case kSoftmax:
        return builder_.softmax(node(layer), only_input(item), to);
      case kPad:
        return pad(layer, only_input(item), to);
      case kUpsample:
        return upsample(layer, only_input(item), to);
      case kAdd:
      case kAddBroadcastable:
        if (item.inputs.size() < 2) fail(layer, "adds a constant to a tensor");
        return builder_.add(node(layer), item.inputs, to);
      case kScale:
        return scale(layer, only_input(item), to);
      case kBias:
        return builder_.affine(node(layer), only_input(item), to, {},
                               for_channels(layer, BiasLayerParams::kShape, BiasLayerParams::kBias,
                                            only_input(item), "the bias"));
      case kFlatten:
        return builder_.flatten(node(layer), only_input(item), to,
                                layer.settings.integer(FlattenLayerParams::kMode) == kChannelLast);
      case kConcat:
        if (layer.settings.flag(ConcatLayerParams::kSequenceConcat)) {
          fail(layer, "concatenates a sequence, not channels");
        }
        return builder_.concat(node(layer), item.inputs, to);
      case kConcatNd:
        if (layer.settings.integer(ConcatNDLayerParams::kAxis) != static_cast<std::uint64_t>(-3) ||
            layer.settings.flag(ConcatNDLayerParams::kInterleave)) {
          fail(layer, "concatenates along an axis other than channels");
        }
        return builder_.concat(node(layer), item.inputs, to);
      case kSlice:
        return slice(layer, only_input(item), to);
      case kSplit:
        return builder_.split(node(layer), only_input(item), layer.outputs);
      case kCopy:
        return builder_.identity(node(layer), only_input(item), to);
      case kClip:
      case kClampedRelu:
        return clip(layer, only_input(item), to);
      default:
        break;
    }
    fail(layer, "is an unsupported layer",
         "supported: convolution, pooling, activation, innerProduct, batchnorm, softmax, padding, "
         "upsample, add, scale, bias, flatten, concat, slice and split");
  }

  void convolution(const FileLayer& layer, const std::string& from, const std::string& to) {
    using Params = ConvolutionLayerParams;
    const Message& settings = layer.settings;
    if (settings.flag(Params::kIsDeconvolution)) {
      fail(layer, "is a deconvolution", "use an upsample layer");
    }
    for (const std::int64_t dilation : settings.integers(Params::kDilationFactor)) {
      if (dilation != 1) fail(layer, "is dilated, which oko does not support");
    }
    const Window window = window_of(layer, builder_.padded_shape(node(layer), from), place(layer));
    const std::uint64_t filters = settings.integer(Params::kOutputChannels);
    const std::uint64_t depth = settings.integer(Params::kKernelChannels);
    const std::uint64_t groups = settings.integer(Params::kNGroups);
    if (filters < 1 || filters > 1 << 20 || groups > filters || depth < 1 || depth > 1 << 20) {
      fail(layer, "has " + std::to_string(filters) + " filters of " + std::to_string(depth) +
                      " channels in " + std::to_string(groups) + " groups");
    }
    graph::Convolution c{static_cast<int>(filters), window.size, window.stride,
                         std::max(1, static_cast<int>(groups)), window.padding};
    const std::vector<std::int64_t> shape{c.filters, static_cast<std::int64_t>(depth), c.size,
                                          c.size};
    const std::int64_t count = shape[0] * shape[1] * shape[2] * shape[3];
    Tensor kernel = Tensor::of(read_weights(settings.message(Params::kWeights), count, c.filters,
                                            place(layer) + ": the kernel"),
                               shape);
    Tensor bias;
    if (settings.flag(Params::kHasBias)) {
      bias = vector_of(layer, Params::kBias, c.filters, "the bias");
    }
    builder_.convolution(node(layer), from, to, c, std::move(kernel), std::move(bias));
  }

  void inner_product(const FileLayer& layer, const std::string& from, const std::string& to) {
    using Params = InnerProductLayerParams;
    const std::uint64_t inputs = layer.settings.integer(Params::kInputChannels);
    const std::uint64_t outputs = layer.settings.integer(Params::kOutputChannels);
    if (inputs < 1 || outputs < 1 || inputs > 1 << 24 || outputs > 1 << 20) {
      fail(layer,
           "has " + std::to_string(outputs) + " outputs for " + std::to_string(inputs) + " inputs");
    }
    const auto in = static_cast<std::int64_t>(inputs), out = static_cast<std::int64_t>(outputs);
    Tensor kernel = Tensor::of(read_weights(layer.settings.message(Params::kWeights), out * in, out,
                                            place(layer) + ": the kernel"),
                               {out, in});
    Tensor bias;
    if (layer.settings.flag(Params::kHasBias)) {
      bias = vector_of(layer, Params::kBias, out, "the bias");
    }
    builder_.dense(node(layer), from, to, std::move(kernel), std::move(bias));
  }

  void batch_norm(const FileLayer& layer, const std::string& from, const std::string& to) {
    using Params = BatchnormLayerParams;
    const Message& settings = layer.settings;
    if (settings.flag(Params::kComputeMeanVar) || settings.flag(Params::kInstanceNormalization)) {
      fail(layer, "computes mean and variance from its input, which oko does not support");
    }
    const std::int64_t channels = builder_.shape(node(layer), from).channels;
    const float given = settings.real(Params::kEpsilon), epsilon = given == 0 ? 1e-5F : given;
    builder_.batch_norm(node(layer), from, to, epsilon,
                        vector_of(layer, Params::kGamma, channels, "gamma"),
                        vector_of(layer, Params::kBeta, channels, "beta"),
                        vector_of(layer, Params::kMean, channels, "the mean"),
                        vector_of(layer, Params::kVariance, channels, "the variance"));
  }

  void pooling(const FileLayer& layer, const std::string& from, const std::string& to) {
    const Shape in = builder_.shape(node(layer), from);
    const std::uint64_t type = layer.settings.integer(PoolingLayerParams::kType);
    const bool global = layer.settings.flag(PoolingLayerParams::kGlobalPooling);
    if (type == kAveragePool) {
      const Window window = global ? Window{} : window_of(layer, in, place(layer));
      if (!global && (window.padding != graph::Padding{} || window.size != in.height ||
                      window.size != in.width)) {
        fail(layer, "averages part of its input; oko supports only global average pooling");
      }
      return builder_.average_pool(node(layer), from, to);
    }
    if (type != kMaxPool) fail(layer, "is neither a max nor an average pool");
    if (global) fail(layer, "is global max pooling, which oko does not support");
    const Window window = window_of(layer, in, place(layer));
    builder_.max_pool(node(layer), from, to, {window.size, window.stride, window.padding});
  }

  void activation(const FileLayer& layer, const std::string& from, const std::string& to) {
    const auto put = [&](const Decision<Activation>& kind) {
      builder_.activation(node(layer), from, to, kind);
    };
    switch (activation_kind(layer)) {
      case kRelu:
        return put(Activation::kRelu);
      case kSigmoid:
        return put(Activation::kLogistic);
      case kLeakyRelu:
        return put(
            decide::leaky_relu(layer.settings.message(kLeakyRelu).real(ActivationLine::kAlpha)));
      case kLinear:
        return line(layer, from, to);
      default:
        fail(layer, "is an unsupported activation");
    }
  }

  void line(const FileLayer& layer, const std::string& from, const std::string& to) {
    const Message settings = layer.settings.message(kLinear);
    const float alpha = settings.real(ActivationLine::kAlpha);
    const float beta = settings.real(ActivationLine::kBeta);
    if (alpha == 1 && beta == 0) return builder_.identity(node(layer), from, to);
    const std::int64_t channels = builder_.shape(node(layer), from).channels;
    const auto all = [&](float value) {
      return Tensor::of(std::vector<float>(static_cast<std::size_t>(channels), value), {channels});
    };
    builder_.affine(node(layer), from, to, all(alpha), all(beta));
  }

  void clip(const FileLayer& layer, const std::string& from, const std::string& to) {
    const Message& settings = layer.settings;
    builder_.activation(node(layer), from, to,
                        layer.kind == kClip
                            ? decide::clip(settings.real(ClipLayerParams::kMinVal),
                                           settings.real(ClipLayerParams::kMaxVal))
                            : decide::leaky_relu(settings.real(ClampedReluLayerParams::kAlpha),
                                                 settings.real(ClampedReluLayerParams::kBeta)));
  }

  void pad(const FileLayer& layer, const std::string& from, const std::string& to) {
    using Params = PaddingLayerParams;
    const Message& settings = layer.settings;
    if (!settings.has(Params::kConstant) ||
        settings.message(Params::kConstant).real(PaddingConstant::kValue) != 0) {
      fail(layer, "pads with something other than zeros");
    }
    builder_.pad(node(layer), from, to,
                 border_of(settings.message(Params::kPaddingAmounts), place(layer)));
  }

  void upsample(const FileLayer& layer, const std::string& from, const std::string& to) {
    using Params = UpsampleLayerParams;
    const std::vector<std::int64_t> scale = layer.settings.integers(Params::kScalingFactor);
    if (scale.size() != 2 || layer.settings.has(Params::kFractionalScalingFactor)) {
      fail(layer, "does not have two integer factors; oko supports no others");
    }
    builder_.upsample(
        node(layer), from, to,
        decide::upsample(layer.settings.integer(Params::kMode) == kNearest ? "nearest" : "bilinear",
                         static_cast<double>(scale[0]), static_cast<double>(scale[1])));
  }

  // Values per channel, stored as [1], [C] or [C, 1, 1].
  Tensor for_channels(const FileLayer& layer, FieldNumber shape_field, FieldNumber field,
                      const std::string& from, const char* what) const {
    const std::int64_t channels = builder_.shape(node(layer), from).channels;
    std::int64_t count = 1;
    const std::vector<std::int64_t> shape = layer.settings.integers(shape_field);
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] != 1 && (i != 0 || shape[i] != channels)) {
        fail(layer, std::string(what) + " does not have one value per channel");
      }
      count *= shape[i];
    }
    std::vector<float> values =
        read_weights(layer.settings.message(field), count, count, place(layer) + ": " + what);
    if (count == 1) values.resize(static_cast<std::size_t>(channels), values.front());
    return Tensor::of(std::move(values), {channels});
  }

  void scale(const FileLayer& layer, const std::string& from, const std::string& to) {
    using Params = ScaleLayerParams;
    Tensor factor = for_channels(layer, Params::kShapeScale, Params::kScale, from, "the scale");
    Tensor bias;
    if (layer.settings.flag(Params::kHasBias)) {
      bias = for_channels(layer, Params::kShapeBias, Params::kBias, from, "the bias");
    }
    builder_.affine(node(layer), from, to, std::move(factor), std::move(bias));
  }

  void slice(const FileLayer& layer, const std::string& from, const std::string& to) {
    const std::int64_t channels = builder_.shape(node(layer), from).channels;
    using Params = SliceLayerParams;
    const auto begin = static_cast<std::int64_t>(layer.settings.integer(Params::kStartIndex));
    auto end = static_cast<std::int64_t>(layer.settings.integer(Params::kEndIndex));
    if (end < 0 && end >= -channels) end += channels;
    if (layer.settings.integer(Params::kAxis) != kChannelAxis ||
        layer.settings.integer(Params::kStride, 1) != 1) {
      fail(layer, "crops or skips rows or columns");
    }
    builder_.slice(node(layer), from, to, begin, begin < 0 || end < begin ? 0 : end - begin);
  }

  const Message& network_;
  const Signature& signature_;
  NetworkBuilder builder_;
  std::vector<FileLayer> layers_;
  std::map<std::string, std::size_t> makers_;
  std::map<std::string, int> readers_;
  std::vector<Item> items_;
  std::vector<std::string> notes_;
};

}  // namespace

Shape picture_shape(const Signature& signature) {
  std::vector<std::int64_t> shape = signature.input.shape;
  if (shape.size() == 4 && shape[0] == 1) shape.erase(shape.begin());
  if (shape.size() == 3) {
    return {static_cast<int>(shape[0]), static_cast<int>(shape[1]), static_cast<int>(shape[2])};
  }
  throw input_error(signature.file + ": " + signature.input.name,
                    "the input is neither an image nor an array of channels, rows and columns",
                    "export the model with an image of fixed size as its input");
}

Imported read_network(const Message& network, const Signature& signature) {
  return Reader(network, signature).run();
}

}  // namespace oko::formats::coreml
