#include "oko/formats/coreml/network_file.h"

#include <algorithm>
#include <iterator>

#include "oko/base/error.h"
#include "oko/formats/decisions.h"

namespace oko::formats::coreml {
namespace {

constexpr std::size_t kMaxLayers = 16384, kMaxInputs = 256, kMaxFeatures = 256;
constexpr std::int64_t kMaxSide = 1 << 20;
constexpr int kMaxPadding = 1024;

struct KindName {
  std::uint32_t kind;
  const char* name;
};
constexpr KindName kKindNames[] = {{kConvolution, "convolution"},
                                   {kPooling, "pooling"},
                                   {kActivation, "activation"},
                                   {kInnerProduct, "innerProduct"},
                                   {150, "embedding"},
                                   {kBatchNorm, "batchnorm"},
                                   {165, "mvn"},
                                   {170, "l2normalize"},
                                   {kSoftmax, "softmax"},
                                   {180, "lrn"},
                                   {190, "crop"},
                                   {kPad, "padding"},
                                   {kUpsample, "upsample"},
                                   {kResizeBilinear, "resizeBilinear"},
                                   {212, "cropResize"},
                                   {kUnary, "unary"},
                                   {kAdd, "add"},
                                   {kMultiply, "multiply"},
                                   {240, "average"},
                                   {kScale, "scale"},
                                   {kBias, "bias"},
                                   {260, "max"},
                                   {261, "min"},
                                   {270, "dot"},
                                   {kReduce, "reduce"},
                                   {kLoadConstant, "loadConstant"},
                                   {kReshape, "reshape"},
                                   {kFlatten, "flatten"},
                                   {kPermute, "permute"},
                                   {kConcat, "concat"},
                                   {kSplit, "split"},
                                   {340, "sequenceRepeat"},
                                   {kReorganizeData, "reorganizeData"},
                                   {kSlice, "slice"},
                                   {400, "simpleRecurrent"},
                                   {410, "gru"},
                                   {420, "uniDirectionalLSTM"},
                                   {430, "biDirectionalLSTM"},
                                   {500, "custom"},
                                   {kCopy, "copy"},
                                   {kClip, "clip"},
                                   {kAddBroadcastable, "addBroadcastable"},
                                   {900, "multiplyBroadcastable"},
                                   {kSoftmaxNd, "softmaxND"},
                                   {975, "splitND"},
                                   {kConcatNd, "concatND"},
                                   {kTranspose, "transpose"},
                                   {995, "sliceStatic"},
                                   {kReshapeStatic, "reshapeStatic"},
                                   {kBatchedMatMul, "batchedMatmul"},
                                   {1150, "rankPreservingReshape"},
                                   {1400, "NonMaximumSuppression"},
                                   {kClampedRelu, "clampedReLU"}};

FileLayer layer_of(const Message& message) {
  FileLayer layer{message.text(NeuralNetworkLayer::kName),
                  0,
                  {},
                  message.texts(NeuralNetworkLayer::kInput, kMaxInputs),
                  message.texts(NeuralNetworkLayer::kOutput, kMaxInputs)};
  message.for_each([&](const Field& field) {
    if (field.number < kConvolution) return;
    layer.kind = field.number;
    layer.settings = message.inside(field);
  });
  return layer;
}

[[noreturn]] void fail(const std::string& place, const std::string& message) {
  throw input_error(place, message, "oko does not support this");
}

// Two equal numbers, [n, n], as one; `usual` if there are none.
int square(const Message& settings, FieldNumber field, int usual, const char* what,
           const std::string& place) {
  const std::vector<std::int64_t> pair = settings.integers(field);
  if (pair.empty()) return usual;
  if (pair.size() != 2 || pair[0] != pair[1] || pair[0] < 1 || pair[0] > 1024) {
    fail(place, std::string(what) + " differs between rows and columns, or is not in 1…1024");
  }
  return static_cast<int>(pair[0]);
}

// Core ML's "include last pixel": enough windows to cover the last row, one fewer if the last would
// start in the padding.
graph::Padding complete_padding(const Message& settings, const graph::Shape& input,
                                const Window& window, const std::string& place) {
  std::vector<std::int64_t> amounts = settings.integers(ValidCompletePadding::kPaddingAmounts);
  if (amounts.empty()) amounts = {0, 0};
  const auto bad = [](std::int64_t n) { return n < 0 || n > kMaxPadding; };
  if (amounts.size() != 2 || std::ranges::any_of(amounts, bad)) {
    fail(place, "the padding is not two numbers in 0…1024");
  }
  const auto end_of = [&](int side, std::int64_t start) {
    const auto stride = window.stride;
    std::int64_t windows = (side + 2 * start - window.size + stride - 1) / stride + 1;
    if ((amounts[0] > 0 || amounts[1] > 0) && (windows - 1) * stride >= side + start) --windows;
    return static_cast<int>(
        std::max<std::int64_t>(0, (windows - 1) * stride + window.size - side - start));
  };
  const auto top = static_cast<int>(amounts[0]), left = static_cast<int>(amounts[1]);
  return {top, left, end_of(input.height, top), end_of(input.width, left)};
}

}  // namespace

std::string name_of_kind(std::uint32_t kind) {
  const auto* found = std::ranges::find(kKindNames, kind, &KindName::kind);
  return found == std::end(kKindNames) ? "layer type " + std::to_string(kind) : found->name;
}

std::vector<FileLayer> layers_of(const Message& network) {
  std::vector<FileLayer> layers;
  network.for_each([&](const Field& field) {
    if (!field.is(NeuralNetwork::kLayers)) return;
    const Message message = network.inside(field);
    layers.push_back(layer_of(message));
    if (layers.back().outputs.empty()) {
      throw input_error(message.place(), "the layer \"" + layers.back().name + "\" has no output",
                        "the file is damaged");
    }
    if (layers.size() > kMaxLayers) {
      throw input_error(message.place(), "the network has more than 16384 layers");
    }
  });
  return layers;
}

graph::Padding border_of(const Message& border, const std::string& place) {
  const std::vector<Message> sides = border.messages(BorderAmounts::kBorderAmounts, 2);
  if (sides.empty()) return {};
  if (sides.size() != 2) fail(place, "the padding is not for rows and columns");
  const auto amount = [&](const Message& side, EdgeSizes field) {
    const std::uint64_t n = side.integer(field);
    if (n > kMaxPadding) fail(place, "the padding is more than 1024");
    return static_cast<int>(n);
  };
  constexpr auto kStart = EdgeSizes::kStartEdgeSize, kEnd = EdgeSizes::kEndEdgeSize;
  return {amount(sides[0], kStart), amount(sides[1], kStart), amount(sides[0], kEnd),
          amount(sides[1], kEnd)};
}

Window window_of(const FileLayer& layer, const graph::Shape& input, const std::string& place) {
  using Conv = ConvolutionLayerParams;
  using Pool = PoolingLayerParams;
  const bool pool = layer.kind == kPooling;
  struct {
    FieldNumber size, stride, valid, same;
  } fields{Conv::kKernelSize, Conv::kStride, Conv::kValid, Conv::kSame};
  if (pool) fields = {Pool::kKernelSize, Pool::kStride, Pool::kValid, Pool::kSame};
  const Message& settings = layer.settings;
  Window window{square(settings, fields.size, 3, "the window", place),
                square(settings, fields.stride, 1, "the stride", place),
                {}};
  if (!pool) window.dilation = square(settings, Conv::kDilationFactor, 1, "the dilation", place);
  if (settings.has(fields.same)) {
    const std::uint64_t mode = settings.message(fields.same).integer(SamePadding::kAsymmetryMode);
    if (mode > kTopLeftHeavy) fail(place, "the padding has an unknown symmetry");
    window.padding = same_padding(input, window.reach(), window.stride,
                                  mode == kBottomRightHeavy ? OddPixel::kEnd : OddPixel::kStart);
  } else if (pool && settings.has(Pool::kIncludeLastPixel)) {
    window.padding =
        complete_padding(settings.message(Pool::kIncludeLastPixel), input, window, place);
  } else {
    const Message amounts = settings.message(fields.valid).message(ValidPadding::kPaddingAmounts);
    window.padding = border_of(amounts, place);
  }
  return window;
}

std::vector<FileFeature> features_of(const Message& description, ModelDescription list) {
  std::vector<FileFeature> features;
  for (const Message& message : description.messages(list, kMaxFeatures)) {
    FileFeature& feature = features.emplace_back();
    feature.name = message.text(FeatureDescription::kName);
    const Message type = message.message(FeatureDescription::kType);
    feature.number = type.has(FeatureType::kDoubleType);
    feature.image = type.has(FeatureType::kImageType);
    if (type.has(FeatureType::kMultiArrayType)) {
      feature.shape = type.message(FeatureType::kMultiArrayType).integers(ArrayFeatureType::kShape);
    }
    if (!feature.image) continue;
    const Message image = type.message(FeatureType::kImageType);
    const std::uint64_t colours = image.integer(ImageFeatureType::kColorSpace);
    if (colours != kGrayscale && colours != kRgb && colours != kBgr) {
      throw input_error(message.place(), "the image \"" + feature.name +
                                             "\" has the unknown colour space " +
                                             std::to_string(colours));
    }
    feature.bgr = colours == kBgr;
    feature.shape = {colours == kGrayscale ? 1 : 3,
                     static_cast<std::int64_t>(image.integer(ImageFeatureType::kHeight)),
                     static_cast<std::int64_t>(image.integer(ImageFeatureType::kWidth))};
  }
  if (list != ModelDescription::kInput) return features;
  for (const FileFeature& feature : features) {
    for (const std::int64_t side : feature.shape) {
      if (side >= 1 && side <= kMaxSide) continue;
      throw input_error(description.place(),
                        "\"" + feature.name + "\" has a side of " + std::to_string(side));
    }
  }
  return features;
}

PixelScaling scaling_of(const Message& network, const FileFeature& input) {
  using Preprocessing = NeuralNetworkPreprocessing;
  using Scaler = NeuralNetworkImageScaler;
  PixelScaling scaling;
  for (const Message& message : network.messages(NeuralNetwork::kPreprocessing, kMaxFeatures)) {
    const std::string feature = message.text(Preprocessing::kFeatureName);
    if (!feature.empty() && feature != input.name) continue;
    if (message.has(Preprocessing::kMeanImage)) {
      throw input_error(message.place(), "the model subtracts a mean image",
                        "oko does not support this; fold it into the first layer");
    }
    if (!message.has(Preprocessing::kScaler)) continue;
    const Message scaler = message.message(Preprocessing::kScaler);
    scaling.scale = scaler.real(Scaler::kChannelScale, 1);
    if (!input.image) continue;
    const float blue = scaler.real(Scaler::kBlueBias), red = scaler.real(Scaler::kRedBias);
    if (input.shape[0] == 1) {
      scaling.bias = {scaler.real(Scaler::kGrayBias)};
    } else {
      scaling.bias = {input.bgr ? blue : red, scaler.real(Scaler::kGreenBias),
                      input.bgr ? red : blue};
    }
  }
  const auto zero = [](float b) { return b == 0; };
  if (std::ranges::all_of(scaling.bias, zero)) scaling.bias.clear();
  return scaling;
}

}  // namespace oko::formats::coreml
