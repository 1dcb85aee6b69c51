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
                                   {211, "resizeBilinear"},
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
                                   {345, "reorganizeData"},
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
                                   {1045, "batchedMatmul"},
                                   {1150, "rankPreservingReshape"},
                                   {1400, "NonMaximumSuppression"},
                                   {kClampedRelu, "clampedReLU"}};

FileLayer layer_of(const Message& message) {
  FileLayer layer{
      message.text(1), 0, {}, message.texts(2, kMaxInputs), message.texts(3, kMaxInputs)};
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
int square(const Message& settings, std::uint32_t field, int usual, const char* what,
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
  std::vector<std::int64_t> amounts = settings.integers(10);
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
    if (field.number != 1) return;
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
  const std::vector<Message> sides = border.messages(10, 2);
  if (sides.empty()) return {};
  if (sides.size() != 2) fail(place, "the padding is not for rows and columns");
  const auto amount = [&](const Message& side, std::uint32_t field) {
    const std::uint64_t n = side.integer(field);
    if (n > kMaxPadding) fail(place, "the padding is more than 1024");
    return static_cast<int>(n);
  };
  return {amount(sides[0], 1), amount(sides[1], 1), amount(sides[0], 2), amount(sides[1], 2)};
}

Window window_of(const FileLayer& layer, const graph::Shape& input, const std::string& place) {
  const bool pool = layer.kind == kPooling;
  const std::uint32_t size = pool ? 10 : 20, stride = pool ? 20 : 30, valid = pool ? 30 : 50;
  const Message& settings = layer.settings;
  Window window{square(settings, size, 3, "the window", place),
                square(settings, stride, 1, "the stride", place),
                {}};
  if (settings.has(valid + 1)) {
    const std::uint64_t mode = settings.message(valid + 1).integer(1);
    if (mode > 1) fail(place, "the padding has an unknown symmetry");
    window.padding = same_padding(input, window.size, window.stride,
                                  mode == 0 ? OddPixel::kEnd : OddPixel::kStart);
  } else if (pool && settings.has(32)) {
    window.padding = complete_padding(settings.message(32), input, window, place);
  } else {
    window.padding = border_of(settings.message(valid).message(1), place);
  }
  return window;
}

std::vector<FileFeature> features_of(const Message& description, std::uint32_t number) {
  constexpr std::uint32_t kDouble = 2, kImage = 4, kArray = 5, kGrey = 10, kRgb = 20, kBgr = 30;
  std::vector<FileFeature> features;
  for (const Message& message : description.messages(number, kMaxFeatures)) {
    FileFeature& feature = features.emplace_back();
    feature.name = message.text(1);
    const Message type = message.message(3);
    feature.number = type.has(kDouble);
    feature.image = type.has(kImage);
    if (type.has(kArray)) feature.shape = type.message(kArray).integers(1);
    if (!feature.image) continue;
    const Message image = type.message(kImage);
    const std::uint64_t colours = image.integer(3);
    if (colours != kGrey && colours != kRgb && colours != kBgr) {
      throw input_error(message.place(), "the image \"" + feature.name +
                                             "\" has the unknown colour space " +
                                             std::to_string(colours));
    }
    feature.bgr = colours == kBgr;
    feature.shape = {colours == kGrey ? 1 : 3, static_cast<std::int64_t>(image.integer(2)),
                     static_cast<std::int64_t>(image.integer(1))};
  }
  if (number != kInputs) return features;
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
  constexpr std::uint32_t kPreprocessing = 2, kScaler = 10, kMeanImage = 11;
  constexpr std::uint32_t kBlue = 20, kGreen = 21, kRed = 22, kGrey = 30;
  PixelScaling scaling;
  for (const Message& message : network.messages(kPreprocessing, kMaxFeatures)) {
    if (!message.text(1).empty() && message.text(1) != input.name) continue;
    if (message.has(kMeanImage)) {
      throw input_error(message.place(), "the model subtracts a mean image",
                        "oko does not support this; fold it into the first layer");
    }
    if (!message.has(kScaler)) continue;
    const Message scaler = message.message(kScaler);
    scaling.scale = scaler.real(10, 1);
    if (!input.image) continue;
    const float blue = scaler.real(kBlue), red = scaler.real(kRed);
    if (input.shape[0] == 1) {
      scaling.bias = {scaler.real(kGrey)};
    } else {
      scaling.bias = {input.bgr ? blue : red, scaler.real(kGreen), input.bgr ? red : blue};
    }
  }
  const auto zero = [](float b) { return b == 0; };
  if (std::ranges::all_of(scaling.bias, zero)) scaling.bias.clear();
  return scaling;
}

}  // namespace oko::formats::coreml
