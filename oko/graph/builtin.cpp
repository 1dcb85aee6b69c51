#include "oko/graph/builtin.h"

#include <algorithm>
#include <array>
#include <utility>

#include "oko/base/error.h"

namespace oko::graph {
namespace {

// Appends layers. Every function returns the index of the last layer it added.
class Builder {
 public:
  Builder(Network network, int classes, std::vector<Anchor> anchors)
      : network_(std::move(network)), classes_(classes), anchors_(std::move(anchors)) {}

  Network finish() {
    infer_shapes(network_);
    return std::move(network_);
  }

  int last() const { return static_cast<int>(network_.layers.size()) - 1; }

  int add(Operation operation) { return add(std::move(operation), {last()}); }
  int add(Operation operation, std::vector<int> inputs) {
    const std::string name = "layers." + std::to_string(network_.layers.size());
    network_.layers.push_back({name, std::move(operation), std::move(inputs), {}});
    return last();
  }

  // With batch norm, padded so that stride 1 keeps the size.
  int convolution(int filters, int size, int stride = 1, Activation activation = Activation::kLeaky,
                  int groups = 1) {
    return add(Convolution{.filters = filters,
                           .size = size,
                           .stride = stride,
                           .groups = groups,
                           .padding = Padding::all(size / 2),
                           .batch_norm = BatchNorm{},
                           .activation = activation});
  }

  int depthwise(int channels, int size, int stride = 1,
                Activation activation = Activation::kLeaky) {
    return convolution(channels, size, stride, activation, channels);
  }

  // Padded by size − 1 in total, the odd row and column at the end.
  int max_pool(int size, int stride) {
    const int all = size - 1, before = all / 2;
    return add(MaxPool{size, stride, {before, before, all - before, all - before}});
  }

  // Sum of the last layer and the one `back` layers before this one.
  int shortcut(int back) { return add(Shortcut{}, {last(), last() + 1 - back}); }

  // Goes back to an earlier layer.
  int from(int layer) { return add(Route{}, {layer}); }

  // Upsamples the last output and concatenates an earlier one.
  int upsample_and_join(int earlier) {
    const int up = add(Upsample{2});
    return add(Route{}, {up, earlier});
  }

  int distances(int bins, int stride) {
    const Distances head{.classes = classes_, .bins = bins, .stride = stride};
    add(Convolution{.filters = head.channels()});
    return add(head);
  }

  int head(std::vector<int> mask, float ignore_threshold, float scale_x_y = 1,
           BoxCode box_code = BoxCode::kExponential) {
    add(Convolution{.filters = static_cast<int>(mask.size()) * (5 + classes_)});
    Yolo yolo;
    yolo.scale_x_y = scale_x_y;
    yolo.box_code = box_code;
    yolo.anchors = anchors_;
    yolo.mask = std::move(mask);
    yolo.classes = classes_;
    yolo.ignore_threshold = ignore_threshold;
    return add(std::move(yolo));
  }

 private:
  Network network_;
  int classes_;
  std::vector<Anchor> anchors_;
};

// Darknet-53 without its classifier, then three heads at strides 32, 16 and 8.
void build_yolov3(Builder& b) {
  b.convolution(32, 3);
  const auto stage = [&](int filters, int blocks) {
    b.convolution(filters, 3, 2);
    for (int i = 0; i < blocks; ++i) {
      b.convolution(filters / 2, 1);
      b.convolution(filters, 3);
      b.shortcut(3);
    }
    return b.last();
  };
  stage(64, 1);
  stage(128, 2);
  const int stride8 = stage(256, 8), stride16 = stage(512, 8);
  stage(1024, 4);
  // Five convolutions, then the head's own; returns the fifth, where the next head branches off.
  const auto neck = [&](int filters) {
    for (int i = 0; i < 2; ++i) {
      b.convolution(filters, 1);
      b.convolution(filters * 2, 3);
    }
    const int branch = b.convolution(filters, 1);
    b.convolution(filters * 2, 3);
    return branch;
  };
  int branch = neck(512);
  b.head({6, 7, 8}, .7F);
  b.from(branch);
  b.convolution(256, 1);
  b.upsample_and_join(stride16);
  branch = neck(256);
  b.head({3, 4, 5}, .7F);
  b.from(branch);
  b.convolution(128, 1);
  b.upsample_and_join(stride8);
  neck(128);
  b.head({0, 1, 2}, .7F);
}

void build_yolov3_tiny(Builder& b) {
  int stride16 = 0;
  for (const int filters : {16, 32, 64, 128, 256, 512}) {
    const int map = b.convolution(filters, 3);
    if (filters == 256) stride16 = map;
    b.max_pool(2, filters == 512 ? 1 : 2);
  }
  b.convolution(1024, 3);
  const int branch = b.convolution(256, 1);
  b.convolution(512, 3);
  b.head({3, 4, 5}, .7F);
  b.from(branch);
  b.convolution(128, 1);
  b.upsample_and_join(stride16);
  b.convolution(256, 3);
  b.head({0, 1, 2}, .7F);
}

// A body of CSP blocks: half of the channels goes through two convolutions, whose outputs are
// joined and mixed, and then joined with all of them. The smallest anchor is of no head, as
// published.
void build_yolov4_tiny(Builder& b) {
  b.convolution(32, 3, 2);
  b.convolution(64, 3, 2);
  int stride16 = 0;  // the last block's, before its pool
  for (const int filters : {64, 128, 256}) {
    const int whole = b.convolution(filters, 3);
    b.add(Route{2, 1});
    const int first = b.convolution(filters / 2, 3);
    const int second = b.convolution(filters / 2, 3);
    b.add(Route{}, {second, first});
    stride16 = b.convolution(filters, 1);
    b.add(Route{}, {whole, stride16});
    b.max_pool(2, 2);
  }
  constexpr float kScale = 1.05F;
  b.convolution(512, 3);
  const int branch = b.convolution(256, 1);
  b.convolution(512, 3);
  b.head({3, 4, 5}, .7F, kScale);
  b.from(branch);
  b.convolution(128, 1);
  b.upsample_and_join(stride16);
  b.convolution(256, 3);
  b.head({1, 2, 3}, .7F, kScale);
}

// A body of ELAN blocks, pyramid pooling, a pyramid of such blocks up and down, and a head at each
// of three levels.
void build_yolov7_tiny(Builder& b) {
  // Two branches, the second with two more convolutions; all four outputs are mixed.
  const auto block = [&](int inner, int out) {
    const int input = b.last(), first = b.convolution(inner, 1);
    b.from(input);
    const int second = b.convolution(inner, 1);
    const int third = b.convolution(inner, 3);
    const int fourth = b.convolution(inner, 3);
    b.add(Route{}, {first, second, third, fourth});
    return b.convolution(out, 1);
  };
  b.convolution(32, 3, 2);
  b.convolution(64, 3, 2);
  block(32, 64);
  b.max_pool(2, 2);
  const int stride8 = block(64, 128);
  b.max_pool(2, 2);
  const int stride16 = block(128, 256);
  b.max_pool(2, 2);
  const int stride32 = block(256, 512);

  const int passed = b.convolution(256, 1);
  b.from(stride32);
  const int reduced = b.convolution(256, 1);
  const int pool5 = b.max_pool(5, 1);
  b.from(reduced);
  const int pool9 = b.max_pool(9, 1);
  b.from(reduced);
  const int pool13 = b.max_pool(13, 1);
  b.add(Route{}, {pool13, pool9, pool5, reduced});
  const int pooled = b.convolution(256, 1);
  b.add(Route{}, {passed, pooled});
  const int coarse = b.convolution(256, 1);

  const auto up = [&](int width, int finer) {
    b.convolution(width, 1);
    const int upsampled = b.add(Upsample{2});
    b.from(finer);
    const int side = b.convolution(width, 1);
    b.add(Route{}, {side, upsampled});
    return block(width / 2, width);
  };
  const auto down = [&](int width, int coarser) {
    const int halved = b.convolution(width, 3, 2);
    b.add(Route{}, {halved, coarser});
    return block(width / 2, width);
  };
  const int middle = up(128, stride16);
  const int level8 = up(64, stride8);
  const int level16 = down(128, middle);
  const int level32 = down(256, coarse);
  int width = 128, anchor = 0;
  for (const int level : {level8, level16, level32}) {
    b.from(level);
    b.convolution(width, 3);
    b.head({anchor, anchor + 1, anchor + 2}, .7F, 2, BoxCode::kSquared);
    width *= 2;
    anchor += 3;
  }
}

// Inverted residual blocks (MobileNet v2), pyramid pooling, two light heads. The xl variant has
// `width` 2: twice the channels up to the heads.
void build_yolo_fastest(Builder& b, int width, float dropout) {
  const auto block = [&](int inner, int out, int stride = 1) {
    b.convolution(inner * width, 1);
    b.depthwise(inner * width, 3, stride);
    return b.convolution(out * width, 1, 1, Activation::kLinear);
  };
  const auto residual = [&](int inner, int out, int count) {
    for (int i = 0; i < count; ++i) {
      block(inner, out);
      b.add(Dropout{dropout});
      b.shortcut(5);
    }
    return b.last();
  };
  b.convolution(8 * width, 3, 2);
  block(8, 4);
  residual(8, 4, 1);
  block(24, 8, 2);
  residual(32, 8, 2);
  block(32, 8, 2);
  residual(48, 8, 2);
  block(48, 16);
  residual(96, 16, 4);
  block(96, 24, 2);
  const int stride16 = residual(136, 24, 4);
  block(136, 48, 2);
  const int deepest = residual(224, 48, 5);

  const int pool3 = b.max_pool(3, 1);
  b.from(deepest);
  const int pool5 = b.max_pool(5, 1);
  b.from(deepest);
  const int pool9 = b.max_pool(9, 1);
  b.add(Route{}, {pool9, pool5, pool3, deepest});

  const auto neck = [&](int channels) {
    for (int i = 0; i < 2; ++i) {
      b.depthwise(channels, 5);
      b.convolution(channels, 1, 1, Activation::kLinear);
    }
  };
  const int branch = b.convolution(96, 1);
  neck(96);
  b.head({3, 4, 5}, .5F);
  b.from(branch);
  b.upsample_and_join(stride16);
  neck(96 + 24 * width);
  b.head({0, 1, 2}, .5F);
}

// NanoDet-Plus: a ShuffleNetV2 body whose stages have `body` channels, a pyramid of ghost blocks up
// and down with a level of stride 64 added, and a light head at each of four levels; both have
// `width` channels.
void build_nanodet_plus(Builder& b, std::array<int, 3> body, int width) {
  // One half of the channels passes, the other goes through three convolutions.
  const auto unit = [&](int from, int channels) {
    const int half = channels / 2, kept = b.add(Route{2, 0}, {from});
    b.add(Route{2, 1}, {from});
    b.convolution(half, 1);
    b.depthwise(half, 3, 1, Activation::kLinear);
    const int made = b.convolution(half, 1);
    b.add(Route{}, {kept, made});
    return b.add(Shuffle{2});
  };
  const auto stage = [&](int from, int before, int channels, int count) {
    const int half = channels / 2;
    b.add(Route{}, {from});
    b.depthwise(before, 3, 2, Activation::kLinear);
    const int left = b.convolution(half, 1);
    b.add(Route{}, {from});
    b.convolution(half, 1);
    b.depthwise(half, 3, 2, Activation::kLinear);
    const int right = b.convolution(half, 1);
    b.add(Route{}, {left, right});
    int last = b.add(Shuffle{2});
    for (int i = 1; i < count; ++i) last = unit(last, channels);
    return last;
  };
  b.convolution(24, 3, 2);
  const int stem = b.add(MaxPool{3, 2, Padding::all(1)});
  const int stride8 = stage(stem, 24, body[0], 4), stride16 = stage(stride8, body[0], body[1], 8);
  const int stride32 = stage(stride16, body[1], body[2], 4);

  constexpr int kBins = 8;
  const auto reduced = [&](int from) {
    b.from(from);
    return b.convolution(width, 1);
  };
  const int fine = reduced(stride8), middle = reduced(stride16), coarse = reduced(stride32);
  // Half of the width by a convolution, the other half from them by a depthwise one.
  const auto ghost = [&](Activation activation) {
    const int primary = b.convolution(width / 2, 1, 1, activation);
    const int cheap = b.depthwise(width / 2, 3, 1, activation);
    return b.add(Route{}, {primary, cheap});
  };
  const auto merge = [&](int one, int other) {
    const int both = b.add(Route{}, {one, other});
    ghost(Activation::kLeaky);
    const int main = ghost(Activation::kLinear);
    b.from(both);
    b.depthwise(2 * width, 5, 1, Activation::kLinear);
    const int side = b.convolution(width, 1, 1, Activation::kLinear);
    return b.add(Shortcut{}, {main, side});
  };
  const auto up = [&](int from) { return b.add(Bilinear{2}, {from}); };
  const auto light = [&](int stride) {
    b.depthwise(width, 5, stride);
    return b.convolution(width, 1);
  };
  const auto down = [&](int from) {
    b.from(from);
    return light(2);
  };
  const int up16 = merge(up(coarse), middle);
  const int level8 = merge(up(up16), fine);
  const int level16 = merge(down(level8), up16);
  const int level32 = merge(down(level16), coarse);
  const int extra = down(coarse);
  const int level64 = b.add(Shortcut{}, {extra, down(level32)});
  int stride = 8;
  for (const int level : {level8, level16, level32, level64}) {
    b.from(level);
    light(1);
    light(1);
    b.distances(kBins, stride);
    stride *= 2;
  }
}

constexpr Anchor kYolov3Anchors[] = {{10, 13},  {16, 30},  {33, 23},   {30, 61},  {62, 45},
                                     {59, 119}, {116, 90}, {156, 198}, {373, 326}};
constexpr Anchor kTinyAnchors[] = {{10, 14}, {23, 27}, {37, 58}, {81, 82}, {135, 169}, {344, 319}};
constexpr Anchor kFastestAnchors[] = {{12, 18},  {37, 49},   {52, 132},
                                      {115, 73}, {119, 199}, {242, 238}};

struct Builtin {
  std::string_view name;
  int side;                         // usual width and height
  std::span<const Anchor> anchors;  // published, at that size
  void (*build)(Builder&);
};

constexpr Builtin kBuiltins[] = {
    {"yolov3", 416, kYolov3Anchors, build_yolov3},
    {"yolov3-tiny", 416, kTinyAnchors, build_yolov3_tiny},
    {"yolov4-tiny", 416, kTinyAnchors, build_yolov4_tiny},
    {"yolov7-tiny", 416, kYolov3Anchors, build_yolov7_tiny},
    {"yolo-fastest", 320, kFastestAnchors, [](Builder& b) { build_yolo_fastest(b, 1, .15F); }},
    {"yolo-fastest-xl", 320, kFastestAnchors, [](Builder& b) { build_yolo_fastest(b, 2, .2F); }},
    {"nanodet-plus",
     416,
     {},
     [](Builder& b) {
       build_nanodet_plus(b, {116, 232, 464}, 96);
     }},
    {"nanodet-plus-1.5x",
     416,
     {},
     [](Builder& b) {
       build_nanodet_plus(b, {176, 352, 704}, 128);
     }},
};

constexpr auto kNames = [] {
  std::array<std::string_view, std::size(kBuiltins)> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kBuiltins[i].name;
  return names;
}();

Error usage_error(std::string_view name, const std::string& message, const std::string& hint) {
  return Error(ErrorCode::kUsage, "network " + std::string(name), message, hint);
}

const Builtin& builtin_named(std::string_view name) {
  const auto* found = std::find_if(std::begin(kBuiltins), std::end(kBuiltins),
                                   [&](const Builtin& b) { return b.name == name; });
  if (found != std::end(kBuiltins)) return *found;
  std::string known;
  for (const std::string_view n : kNames) known += (known.empty() ? "" : ", ") + std::string(n);
  throw usage_error(name, "there is no built-in network with this name",
                    "known networks: " + known);
}

std::vector<Anchor> anchors_for(const Builtin& builtin, const BuiltinOptions& options, int width,
                                int height) {
  if (!options.anchors.empty()) {
    if (options.anchors.size() == builtin.anchors.size()) return options.anchors;
    throw usage_error(builtin.name,
                      std::to_string(options.anchors.size()) +
                          " anchors were given, but it needs " +
                          std::to_string(builtin.anchors.size()),
                      "cluster that many");
  }
  std::vector<Anchor> anchors(builtin.anchors.begin(), builtin.anchors.end());
  const auto side = static_cast<float>(builtin.side);
  for (Anchor& anchor : anchors) {
    anchor.width = anchor.width * static_cast<float>(width) / side;
    anchor.height = anchor.height * static_cast<float>(height) / side;
  }
  return anchors;
}

}  // namespace

std::span<const std::string_view> builtin_names() { return kNames; }

Network make_builtin(std::string_view name, const BuiltinOptions& options) {
  const Builtin& builtin = builtin_named(name);
  const int width = options.width == 0 ? builtin.side : options.width;
  const int height = options.height == 0 ? builtin.side : options.height;
  constexpr int kLargestStride = 32, kLargestSide = 1 << 14, kMostClasses = 1 << 16;
  for (const int side : {width, height}) {
    if (side < kLargestStride || side > kLargestSide || side % kLargestStride != 0) {
      throw usage_error(
          name,
          "the size " + std::to_string(width) + "x" + std::to_string(height) +
              " is not a multiple of 32 up to " + std::to_string(kLargestSide),
          "for example " + std::to_string(builtin.side) + "x" + std::to_string(builtin.side));
    }
  }
  if (options.classes < 1 || options.classes > kMostClasses) {
    throw usage_error(name,
                      "the number of classes " + std::to_string(options.classes) + " is not in 1…" +
                          std::to_string(kMostClasses),
                      "");
  }
  Network network;
  network.name = name;
  network.input = {3, height, width};
  Builder builder(std::move(network), options.classes,
                  anchors_for(builtin, options, width, height));
  builtin.build(builder);
  return builder.finish();
}

std::vector<Anchor> anchors_of(const Network& network) {
  for (const Layer& layer : network.layers) {
    if (const auto* yolo = std::get_if<Yolo>(&layer.operation)) return yolo->anchors;
  }
  return {};
}

int anchor_count(const Network& network) { return static_cast<int>(anchors_of(network).size()); }

void set_anchors(Network& network, std::span<const Anchor> anchors) {
  if (static_cast<int>(anchors.size()) != anchor_count(network)) {
    throw usage_error(network.name,
                      std::to_string(anchors.size()) + " anchors were given, but the heads share " +
                          std::to_string(anchor_count(network)),
                      "cluster that many");
  }
  for (Layer& layer : network.layers) {
    auto* yolo = std::get_if<Yolo>(&layer.operation);
    if (yolo) yolo->anchors.assign(anchors.begin(), anchors.end());
  }
}

}  // namespace oko::graph
