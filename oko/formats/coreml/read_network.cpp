#include "oko/formats/coreml/read_network.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "oko/base/error.h"
#include "oko/formats/builder.h"
#include "oko/formats/coreml/network_patterns.h"
#include "oko/formats/coreml/weights.h"

namespace oko::formats::coreml {
namespace {

using graph::Activation;
using graph::Shape;
using graph::Tensor;

constexpr float kMaxScaleError = 1e-6F;

class Reader {
 public:
  Reader(const Message& network, const Signature& signature)
      : network_(network), signature_(signature), builder_(signature.file) {}

  Imported run() {
    layers_ = layers_of(network_);
    find_patterns();
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
  // A layer of the file, or several that form one.
  struct Item {
    const FileLayer* layer = nullptr;  // the last of them
    std::vector<std::string> inputs;
    std::optional<Pattern> pattern{};
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

  void find_patterns() {
    const PatternFinder finder(layers_, signature_.outputs);
    std::set<const FileLayer*> absorbed;
    std::map<const FileLayer*, Pattern> found;
    for (const FileLayer& layer : layers_) {
      auto pattern = finder.ending_with(layer);
      if (!pattern) continue;
      absorbed.insert(pattern->parts.begin(), pattern->parts.end());
      found[&layer] = std::move(*pattern);
    }
    for (const FileLayer& layer : layers_) {
      made_.insert(layer.outputs.begin(), layer.outputs.end());
      if (absorbed.contains(&layer)) continue;
      Item item{&layer, layer.inputs};
      if (const auto pattern = found.find(&layer); pattern != found.end()) {
        item.inputs = {pattern->second.input};
        item.pattern = std::move(pattern->second);
      }
      items_.push_back(std::move(item));
    }
  }

  static bool begins_decoding(const FileLayer& layer) {
    return layer.kind == kReshape || layer.kind == kPermute || layer.kind == kTranspose ||
           layer.kind == kReshapeStatic || layer.kind == kLoadConstant;
  }
  // Not a convolution to one channel, as decoders have it: the expectation of a distribution.
  static bool has_weights_of_a_network(const FileLayer& layer) {
    using Params = ConvolutionLayerParams;
    if (layer.kind == kInnerProduct || layer.kind == kBatchNorm) return true;
    return layer.kind == kConvolution && layer.settings.integer(Params::kOutputChannels) != 1;
  }
  // A layer that may belong to the network or to the decoding of its outputs.
  static bool may_be_decoding(const Item& item) {
    if (item.pattern) return false;
    switch (item.layer->kind) {
      case kSlice:
      case kSplit:
      case kSoftmax:
      case kSoftmaxNd:
        return true;
      default:
        return activation_kind(*item.layer) == kSigmoid;
    }
  }

  // Layers from the first that rearranges a tensor on are box decoding, unless a convolution
  // follows. So are those before it that only it reads and that move or squash values.
  void leave_out_decoding() {
    std::map<std::string, const FileLayer*> cause;  // by tensor that depends on such a layer
    const FileLayer* first = nullptr;
    int count = 0;
    for (Item& item : items_) {
      const bool begins = !item.pattern && begins_decoding(*item.layer);
      const FileLayer* from = begins ? item.layer : nullptr;
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
      for (const std::string& map : item.layer->outputs) cause.emplace(map, from);
    }
    drop_before_decoding();
    for (const Item& item : items_) {
      if (!item.dropped) continue;
      ++count;
      if (first == nullptr) first = item.layer;
    }
    if (first != nullptr) {
      notes_.push_back(
          std::to_string(count) + " layers from \"" + first->name + "\" (" +
          name_of_kind(first->kind) +
          ") on, which decode boxes, are dropped: the outputs are the tensors before them");
    }
  }

  void drop_before_decoding() {
    std::set<std::string> of_network(signature_.outputs.begin(), signature_.outputs.end());
    std::set<std::string> of_decoding;
    for (auto item = items_.rbegin(); item != items_.rend(); ++item) {
      const auto read_by = [&](const std::set<std::string>& maps) {
        return std::ranges::any_of(item->layer->outputs,
                                   [&](const std::string& map) { return maps.contains(map); });
      };
      if (!item->dropped && may_be_decoding(*item) && read_by(of_decoding) &&
          !read_by(of_network)) {
        item->dropped = true;
      }
      std::set<std::string>& maps = item->dropped ? of_decoding : of_network;
      maps.insert(item->inputs.begin(), item->inputs.end());
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
      if (!made_.contains(map)) {
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
    if (item.pattern) return pattern(item, to);
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
      case kResizeBilinear:
        return resize(layer, only_input(item), to);
      case kReorganizeData:
        return reorganize(layer, only_input(item), to);
      case kMultiply:
        if (item.inputs.size() < 2) fail(layer, "multiplies a tensor by a constant");
        return builder_.product(node(layer), item.inputs, to);
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
         "upsample, resizeBilinear, reorganizeData, add, multiply, scale, bias, flatten, concat, "
         "slice and split; channel shuffles and attention as oko writes them");
  }

  // A reshape at its end says what the pattern must have made.
  void pattern(const Item& item, const std::string& to) {
    const FileLayer& layer = *item.layer;
    const std::string& from = only_input(item);
    const auto& made = item.pattern->made;
    if (const auto* kind = std::get_if<Activation>(&made)) {
      return builder_.activation(node(layer), from, to, *kind);
    }
    if (const auto* shuffle = std::get_if<graph::Shuffle>(&made)) {
      builder_.shuffle(node(layer), from, to, shuffle->groups);
    } else if (const auto* squares = std::get_if<graph::SpaceToDepth>(&made)) {
      builder_.space_to_depth(node(layer), from, to, *squares);
    } else {
      builder_.attention(node(layer), from, to, std::get<graph::Attention>(made));
    }
    const auto shape = reshaped_to(layer);
    if (shape && *shape != builder_.shape(node(layer), to)) {
      fail(layer, "does not fit its input " + to_string(builder_.shape(node(layer), from)));
    }
  }

  void convolution(const FileLayer& layer, const std::string& from, const std::string& to) {
    using Params = ConvolutionLayerParams;
    const Message& settings = layer.settings;
    if (settings.flag(Params::kIsDeconvolution)) {
      fail(layer, "is a deconvolution", "use an upsample layer");
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
    c.dilation = window.dilation;
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
      const bool whole =
          window.padding == graph::Padding{} && window.size == in.height && window.size == in.width;
      if (global || whole) return builder_.average_pool(node(layer), from, to);
      const bool inside = layer.settings.flag(PoolingLayerParams::kAvgPoolExcludePadding);
      const bool padded = window.padding != graph::Padding{};
      return builder_.average_pool(node(layer), from, to,
                                   {window.size, window.stride, window.padding, padded && !inside});
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
      case kTanh:
        return put(Activation::kTanh);
      case kElu:
        return put(decide::elu(layer.settings.message(kElu).real(ActivationLine::kAlpha)));
      case kSigmoidHard: {
        const Message line = layer.settings.message(kSigmoidHard);
        return put(decide::hard_sigmoid(line.real(ActivationLine::kAlpha),
                                        line.real(ActivationLine::kBeta)));
      }
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
    const auto put = [&](const char* mode, std::optional<graph::Grid> grid) {
      builder_.upsample(node(layer), from, to,
                        decide::upsample(mode, static_cast<double>(scale[0]),
                                         static_cast<double>(scale[1]), grid));
    };
    if (layer.settings.integer(Params::kMode) == kNearest) return put("nearest", {});
    const std::uint64_t linear = layer.settings.integer(Params::kLinearUpsampleMode);
    if (linear > kAlignCornersFalse) fail(layer, "has an unknown mode");
    put("bilinear", linear == kDefault            ? graph::Grid::kAsymmetric
                    : linear == kAlignCornersTrue ? graph::Grid::kCorners
                                                  : graph::Grid::kHalfPixel);
  }

  void resize(const FileLayer& layer, const std::string& from, const std::string& to) {
    using Params = ResizeBilinearLayerParams;
    const Shape in = builder_.shape(node(layer), from);
    const std::vector<std::int64_t> size = layer.settings.integers(Params::kTargetSize);
    const std::uint64_t method =
        layer.settings.message(Params::kMode).integer(SamplingMode::kSamplingMethod);
    if (size.size() != 2 || method > kUpsampleMode) {
      fail(layer, "finds places between pixels in a way that oko does not support");
    }
    builder_.upsample(node(layer), from, to,
                      decide::upsample("bilinear", static_cast<double>(size[0]) / in.height,
                                       static_cast<double>(size[1]) / in.width,
                                       method == kUpsampleMode ? graph::Grid::kAsymmetric
                                                               : graph::Grid::kCorners));
  }

  void reorganize(const FileLayer& layer, const std::string& from, const std::string& to) {
    const int block = block_of(layer);
    if (block < 1) fail(layer, "moves channels to pixels, or has an impossible block size");
    builder_.space_to_depth(node(layer), from, to, {block, graph::SpaceToDepth::Order::kRows});
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
  std::set<std::string> made_;  // by any layer
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
