#include "oko/runtime/test_networks.h"

#include <array>

#include "oko/base/error.h"

namespace oko::runtime {
namespace {

using graph::Activation;
using graph::BatchNorm;
using graph::Convolution;
using graph::Dropout;
using graph::kNetworkInput;
using graph::MaxPool;
using graph::Padding;
using graph::Route;
using graph::Shortcut;
using graph::Upsample;

using Make = void (*)(NetworkBuilder& n);

// Each starts with a convolution of 12 channels, layer 0.
struct Rule {
  const char* name;
  Make make;
};

constexpr Rule kPools[] = {
    {"pool is the only reader of its convolution",
     [](NetworkBuilder& n) { n.head(n.add(MaxPool{}, {n.convolution(0, 18)})); }},
    {"others read the tensor besides its pool",
     [](NetworkBuilder& n) {
       const int made = n.convolution(0, 18);
       n.head(n.add(MaxPool{}, {made}));
       n.head(n.convolution(made, 6));
     }},
    {"two pools of one tensor",
     [](NetworkBuilder& n) {
       const int made = n.convolution(0, 6, 1);
       n.head(n.add(MaxPool{}, {made}));
       n.head(n.add(MaxPool{2, 2, {0, 0, 1, 1}}, {made}));
     }},
    {"pool of a tensor that a head reads",
     [](NetworkBuilder& n) {
       const int made = n.convolution(0, 6);
       n.head(made);
       n.head(n.add(MaxPool{}, {made}));
     }},
    {"pool in a concatenation",
     [](NetworkBuilder& n) {
       const int pooled = n.add(MaxPool{}, {n.convolution(0, 5)});
       const int other = n.convolution(0, 7, 3, 2);
       n.head(n.add(Route{}, {other, pooled}));
     }},
    {"pool of a concatenation",
     [](NetworkBuilder& n) {
       const int joined = n.add(Route{}, {0, n.convolution(0, 6)});
       n.head(n.add(MaxPool{}, {joined}));
     }},
    {"pool of a convolution of the input",
     [](NetworkBuilder& n) {
       n.head(n.add(MaxPool{}, {n.convolution(kNetworkInput, 12, 3)}));
       n.head(n.add(MaxPool{}, {n.convolution(kNetworkInput, 6, 1)}));
     }},
    {"pool after an activation that is not a clamp",
     [](NetworkBuilder& n) {
       n.head(n.add(MaxPool{}, {n.convolution(0, 6, 3, 1, Activation::kMish)}));
     }},
    {"pool of one pixel, and one larger than its input",
     [](NetworkBuilder& n) {
       n.head(n.add(MaxPool{1, 1, {}}, {0}));
       n.head(n.add(MaxPool{1, 3, {}}, {0}));
       n.head(n.add(MaxPool{15, 1, Padding::all(14)}, {0}));
     }},
    {"pyramid of pools of stride 1",
     [](NetworkBuilder& n) {
       const int a = n.add(MaxPool{5, 1, Padding::all(2)}, {0});
       const int b = n.add(MaxPool{9, 1, Padding::all(4)}, {0});
       n.head(n.add(Route{}, {b, a, 0, n.add(MaxPool{2, 1, {0, 0, 1, 1}}, {0})}));
     }},
};

constexpr Rule kShortcuts[] = {
    {"shortcut of a convolution",
     [](NetworkBuilder& n) {
       n.head(n.add(Shortcut{}, {n.convolution(0, 12, 3, 1, Activation::kLinear), 0}));
     }},
    {"shortcut through dropout, with an activation",
     [](NetworkBuilder& n) {
       const int dropped = n.add(Dropout{}, {n.add(Dropout{}, {n.convolution(0, 12)})});
       n.head(n.add(Shortcut{Activation::kRelu6}, {0, dropped}));
     }},
    {"shortcut whose activation is not a clamp",
     [](NetworkBuilder& n) {
       n.head(n.add(Shortcut{Activation::kSwish}, {0, n.convolution(0, 12)}));
     }},
    {"shortcut after an activation that is not a clamp",
     [](NetworkBuilder& n) {
       n.head(n.add(Shortcut{}, {0, n.convolution(0, 12, 1, 1, Activation::kLogistic)}));
     }},
    {"shortcut of a depthwise convolution",
     [](NetworkBuilder& n) {
       const int sum = n.add(Shortcut{Activation::kLeaky}, {0, n.depthwise(0)});
       n.head(n.add(Shortcut{}, {sum, n.depthwise(sum, 5)}));
     }},
    {"shortcut of a tensor and itself",
     [](NetworkBuilder& n) {
       const int made = n.convolution(0, 12);
       n.head(n.add(Shortcut{}, {made, made}));
     }},
    {"shortcut of three tensors",
     [](NetworkBuilder& n) {
       n.head(n.add(Shortcut{Activation::kRelu}, {0, n.convolution(0, 12), n.convolution(0, 12)}));
     }},
    {"shortcut of two convolutions that are both read once",
     [](NetworkBuilder& n) {
       n.head(n.add(Shortcut{}, {n.convolution(0, 6), n.convolution(0, 6, 1)}));
     }},
    {"shortcut whose sum is pooled",
     [](NetworkBuilder& n) {
       n.head(n.add(MaxPool{}, {n.add(Shortcut{}, {0, n.convolution(0, 12)})}));
     }},
    {"shortcut of a tensor that is also read after it",
     [](NetworkBuilder& n) {
       const int made = n.convolution(0, 12);
       n.head(n.add(Shortcut{}, {0, made}));
       n.head(made);
     }},
    {"shortcut with the concatenation",
     [](NetworkBuilder& n) {
       const int joined = n.add(Route{}, {0, n.convolution(0, 12)});
       n.head(n.add(Shortcut{}, {n.convolution(joined, 24), joined}));
     }},
    {"shortcut with part of a tensor, into a concatenation",
     [](NetworkBuilder& n) {
       const int half = n.add(Route{2, 1}, {0});
       const int sum = n.add(Shortcut{}, {half, n.convolution(half, 6)});
       n.head(n.add(Route{}, {n.convolution(0, 6), sum}));
     }},
    {"shortcut with the network's input",
     [](NetworkBuilder& n) {
       n.head(n.add(Shortcut{}, {n.convolution(0, 3), kNetworkInput}));
     }},
    {"shortcut with a pixel's mean",
     [](NetworkBuilder& n) {
       const int mean = n.add(graph::AveragePool{}, {0});
       n.head(n.add(Shortcut{}, {n.convolution(mean, 12, 1), mean}));
     }},
};

constexpr Rule kRoutes[] = {
    {"nested concatenations",
     [](NetworkBuilder& n) {
       const int a = n.convolution(0, 5, 1), b = n.convolution(a, 7), c = n.convolution(b, 6);
       const int inner = n.add(Route{}, {b, a});
       n.head(n.add(Route{}, {c, inner, n.convolution(inner, 6)}));
     }},
    {"a tensor in two concatenations",
     [](NetworkBuilder& n) {
       const int a = n.convolution(0, 5), b = n.convolution(0, 7);
       n.head(n.add(Route{}, {a, b}));
       n.head(n.add(Route{}, {b, a}));
     }},
    {"a tensor twice in one",
     [](NetworkBuilder& n) {
       const int a = n.convolution(0, 3);
       n.head(n.add(Route{}, {a, 0, a, a}));
     }},
    {"an alias of an alias of a part",
     [](NetworkBuilder& n) {
       const int half = n.add(Route{2, 1}, {n.convolution(0, 24)});
       const int name = n.add(Route{}, {n.add(Dropout{}, {half})});
       n.head(n.add(Route{2, 0}, {name}));
       n.head(n.convolution(name, 6));
     }},
    {"parts of several tensors",
     [](NetworkBuilder& n) {
       n.head(n.add(Route{3, 1}, {0, n.convolution(0, 9), n.convolution(0, 15, 1)}));
     }},
    {"an alias in a concatenation",
     [](NetworkBuilder& n) {
       const int name = n.add(Dropout{}, {n.convolution(0, 6)});
       n.head(n.add(Route{}, {name, 0, n.add(Route{2, 1}, {0})}));
     }},
    {"the network's input under aliases and concatenated",
     [](NetworkBuilder& n) {
       const int name = n.add(Dropout{}, {n.add(Route{}, {kNetworkInput})});
       n.head(n.add(Route{}, {kNetworkInput, 0, name}));
       n.head(n.add(Route{3, 2}, {kNetworkInput}));
       n.head(n.add(MaxPool{}, {kNetworkInput}));
       n.head(n.depthwise(kNetworkInput, 3, 2));
     }},
    {"a convolution that reads next to what it writes",
     [](NetworkBuilder& n) {
       const int a = n.convolution(0, 7), b = n.convolution(a, 5), c = n.depthwise(b);
       n.head(n.add(Route{}, {a, b, c, n.convolution(a, 7)}));
     }},
    {"upsampled tensors concatenated",
     [](NetworkBuilder& n) {
       const int small = n.convolution(0, 6, 3, 2);
       n.head(n.add(Route{}, {n.add(Upsample{2}, {small}), 0}));
       n.head(n.add(Upsample{3}, {small}));
     }},
    {"tensors of 512 channels, whose pixels are padded",
     [](NetworkBuilder& n) {
       const int wide = n.convolution(n.add(MaxPool{4, 4, {}}, {0}), 512, 1);
       n.head(n.convolution(n.depthwise(wide), 6, 1));
       n.head(n.convolution(n.add(Shortcut{}, {wide, n.convolution(wide, 512, 1)}), 6, 1));
     }},
    {"interpolated on every grid, of a part and into a concatenation",
     [](NetworkBuilder& n) {
       const int small = n.convolution(0, 6, 3, 2);
       n.head(n.add(Route{}, {n.add(graph::Bilinear{2}, {small}), 0}));
       n.head(n.add(graph::Bilinear{3, graph::Grid::kCorners}, {n.add(Route{2, 1}, {small})}));
       n.head(n.add(graph::Bilinear{2, graph::Grid::kAsymmetric}, {kNetworkInput}));
     }},
    {"channels shuffled: of a part, of a concatenation, into one",
     [](NetworkBuilder& n) {
       const int half = n.add(Route{2, 1}, {0});
       const int shuffled = n.add(graph::Shuffle{3}, {half});
       n.head(n.add(graph::Shuffle{2}, {n.add(Route{}, {shuffled, n.convolution(half, 6)})}));
       n.head(n.add(Route{}, {0, shuffled}));
       n.head(n.add(graph::Shuffle{3}, {kNetworkInput}));
     }},
    {"slices: of a part, unequal, of the input",
     [](NetworkBuilder& n) {
       const int made = n.convolution(0, 11);
       const int low = n.add(graph::Slice{0, 4}, {made}), high = n.add(graph::Slice{4, 7}, {made});
       n.head(n.add(Route{}, {n.convolution(high, 6, 3), low, n.add(graph::Slice{2, 5}, {0})}));
       n.head(n.convolution(n.add(graph::Slice{1, 2}, {kNetworkInput}), 6));
       n.head(n.add(graph::Slice{1, 3}, {high}));
     }},
    {"squares of pixels as channels, in every order",
     [](NetworkBuilder& n) {
       using Order = graph::SpaceToDepth::Order;
       const int made = n.convolution(0, 8);
       for (const Order order :
            {Order::kRows, Order::kColumns, Order::kChannels, Order::kDarknet}) {
         n.head(n.add(graph::SpaceToDepth{2, order}, {made}));
       }
       n.head(n.convolution(n.add(graph::SpaceToDepth{2, Order::kColumns}, {kNetworkInput}), 6, 3));
     }},
    {"averages of windows, with and without their padding",
     [](NetworkBuilder& n) {
       n.head(n.add(graph::AveragePool{2, 2}, {0}));
       n.head(n.add(graph::AveragePool{3, 1, Padding::all(1), true}, {n.convolution(0, 7)}));
       n.head(n.add(graph::AveragePool{5, 2, {2, 1, 2, 3}}, {n.convolution(0, 7)}));
     }},
    {"products: of maps, and with a number for each channel",
     [](NetworkBuilder& n) {
       const int made = n.convolution(0, 10);
       const int squeezed =
           n.convolution(n.add(graph::AveragePool{}, {made}), 10, 1, 1, Activation::kHardSigmoid);
       n.head(n.add(graph::Product{}, {made, squeezed}));
       n.head(
           n.add(graph::Product{Activation::kHardSwish}, {made, n.convolution(0, 10), squeezed}));
       n.head(n.add(graph::Product{Activation::kLeaky}, {made, made}));
     }},
    {"sums of unequal channels",
     [](NetworkBuilder& n) {
       const int wide = n.convolution(0, 12), narrow = n.convolution(0, 5);
       n.head(n.add(Shortcut{Activation::kLinear, true}, {wide, narrow}));
       n.head(n.add(Shortcut{Activation::kLeaky, true}, {narrow, wide, 0}));
     }},
    {"attention of several heads",
     [](NetworkBuilder& n) {
       n.head(n.add(graph::Attention{1, 3, .5F}, {n.convolution(0, 11)}));
       const int made = n.convolution(n.convolution(0, 8, 3, 2), 2 * (4 + 4 + 9), 1, 1);
       n.head(n.convolution(n.add(graph::Attention{2, 4, .5F}, {made}), 6));
     }},
    {"dilated windows",
     [](NetworkBuilder& n) {
       for (const int groups : {1, 2, 10}) {
         graph::Convolution c{10, 3, 1, groups, Padding::all(2)};
         c.dilation = 2;
         n.head(n.add(c, {n.convolution(0, 10)}));
       }
     }},
    {"heads that read what others read",
     [](NetworkBuilder& n) {
       const int made = n.convolution(0, 6);
       n.head(made);
       n.region_head(made);
       n.head(0);
       n.head(n.add(graph::Softmax{}, {made}));
       n.head(n.convolution(made, 6, 1, 1, Activation::kMish));
     }},
    {"layers without readers",
     [](NetworkBuilder& n) {
       n.convolution(0, 6);
       n.add(Route{}, {0, kNetworkInput});
       n.add(MaxPool{}, {n.convolution(0, 8)});
       n.head(0);
     }},
};

constexpr Rule kConvolutions[] = {
    {"Winograd with wide tensors, shortcut and pool",
     [](NetworkBuilder& n) {
       const int wide = n.convolution(0, 66), next = n.convolution(wide, 66);
       n.head(n.add(MaxPool{}, {n.convolution(n.add(Shortcut{}, {wide, next}), 72)}));
     }},
    {"Winograd with uneven padding",
     [](NetworkBuilder& n) {
       Convolution c{70, 3, 1, 1, {0, 2, 1, 0}, BatchNorm{.01F, true}, Activation::kRelu};
       const int wide = n.add(c, {0});
       c.padding = {5, 0, 3, 4};
       n.head(n.add(c, {n.add(c, {wide})}));
     }},
    {"large kernels, whose columns are split",
     [](NetworkBuilder& n) {
       const int small = n.convolution(n.add(MaxPool{4, 4, {}}, {0}), 96, 1);
       n.head(n.convolution(small, 128, 5));
       n.head(n.convolution(n.convolution(small, 260, 3), 6, 3));
     }},
    {"groups",
     [](NetworkBuilder& n) {
       const int a = n.convolution(0, 24, 3, 1, Activation::kRelu, 4);
       n.head(n.convolution(a, 6, 5, 2, Activation::kMish, 6));
       n.head(n.convolution(a, 24, 1, 1, Activation::kLinear, 2));
       n.head(n.convolution(a, 48, 3, 1, Activation::kLinear, 24));
     }},
    {"padding without a window inside",
     [](NetworkBuilder& n) {
       n.head(n.add(Convolution{6, 1, 2, 1, Padding::all(3)}, {0}));
       n.head(n.add(Convolution{12, 2, 3, 12, {3, 0, 4, 5}}, {0}));
       n.head(n.add(Convolution{6, 3, 4, 1, {0, 7, 0, 0}}, {kNetworkInput}));
     }},
    {"kernels that no cache keeps, transformed",
     [](NetworkBuilder& n) {
       const int made = n.convolution(0, 70);
       n.head(n.convolution(made, 90));
       n.head(n.add(MaxPool{}, {n.convolution(made, 101)}));
       const int wide = n.convolution(0, 80);
       n.head(n.add(Shortcut{}, {n.convolution(wide, 80, 3, 1, Activation::kLinear), wide}));
     }},
    {"depthwise of all sizes",
     [](NetworkBuilder& n) {
       for (const int size : {1, 2, 3, 5, 7}) {
         for (const int stride : {1, 2, 3}) {
           n.head(n.convolution(n.depthwise(0, size, stride), 6, 1));
         }
       }
     }},
};

template <std::size_t kCount>
void append(const Rule (&rules)[kCount], std::vector<NamedNetwork>& to) {
  for (const Rule& rule : rules) {
    NetworkBuilder n({3, 10, 14});
    n.convolution(kNetworkInput, 12);
    rule.make(n);
    to.push_back({rule.name, n.finish(to.size() + 1)});
  }
}

class RandomNetwork {
 public:
  explicit RandomNetwork(std::uint64_t seed)
      : random_(seed), builder_({3, 4 + below(10), 4 + below(10)}) {}

  graph::Network make(std::uint64_t seed) {
    builder_.convolution(kNetworkInput, 2 + below(20));
    const int count = 3 + below(12);
    for (int i = 0; i < count; ++i) add_layer();
    maps_ = builder_.size();  // heads cannot be read
    const int heads = 2 + below(3);
    for (int i = 0; i < heads; ++i) builder_.head(i == 0 ? maps_ - 1 : any());
    return builder_.finish(seed);
  }

 private:
  int below(int count) {
    return static_cast<int>(random_.below(static_cast<std::uint64_t>(count)));
  }
  // A layer with an output, occasionally the network's input.
  int any() {
    if (random_.chance(.05)) return kNetworkInput;
    return below(maps_ > 0 ? maps_ : layers());
  }
  int layers() const { return builder_.size(); }
  Activation activation() {
    constexpr std::array kAll{Activation::kLinear, Activation::kLeaky,       Activation::kRelu,
                              Activation::kRelu6,  Activation::kLogistic,    Activation::kMish,
                              Activation::kSwish,  Activation::kHardSigmoid, Activation::kHardSwish,
                              Activation::kElu,    Activation::kTanh};
    return kAll[random_.chance(.7) ? below(4) : below(static_cast<int>(kAll.size()))];
  }
  Padding padding(int most) {
    return random_.chance(.6)
               ? Padding::all(most / 2)
               : Padding{below(most + 1), below(most + 1), below(most + 1), below(most + 1)};
  }

  void add_convolution() {
    const int from = any(), channels = builder_.shape(from).channels;
    constexpr std::array kSizes{1, 1, 3, 3, 3, 3, 2, 5};
    Convolution c;
    c.size = kSizes[below(static_cast<int>(kSizes.size()))];
    c.stride = random_.chance(.75) ? 1 : 2 + below(2);
    c.filters = random_.chance(.5) ? channels : 1 + below(40);
    if (c.filters == channels && random_.chance(.4)) {
      c.groups = channels;
    } else if (channels % 2 == 0 && c.filters % 2 == 0 && random_.chance(.2)) {
      c.groups = 2;
    }
    c.padding = padding(c.size);
    c.activation = activation();
    if (random_.chance(.7)) c.batch_norm = BatchNorm{1e-3F, random_.chance(.5)};
    try_to_add(c, {from});
  }

  void add_pool() {
    const int size = 1 + below(5);
    try_to_add(MaxPool{size, 1 + below(3), padding(size - 1)}, {any()});
  }

  // Up to `most` tensors compatible with one of them.
  template <typename Fits>
  std::vector<int> some(int least, int most, const Fits& fits) {
    std::vector<int> inputs{any()};
    std::vector<int> fitting;
    for (int i = kNetworkInput; i < layers(); ++i) {
      if (fits(builder_.shape(inputs[0]), builder_.shape(i))) fitting.push_back(i);
    }
    const int count = least + below(most - least + 1);
    while (static_cast<int>(inputs.size()) < count) {
      inputs.push_back(fitting[below(static_cast<int>(fitting.size()))]);
    }
    return inputs;
  }

  void add_route() {
    const auto inputs = some(1, 4, [](const graph::Shape& a, const graph::Shape& b) {
      return a.height == b.height && a.width == b.width;
    });
    const int groups = random_.chance(.7) ? 1 : 2 + below(2);
    try_to_add(Route{groups, below(groups)}, inputs);
  }

  void add_shortcut() {
    auto inputs = some(2, 3, [](const graph::Shape& a, const graph::Shape& b) { return a == b; });
    if (random_.chance(.6)) {  // a convolution of the other
      Convolution c{builder_.shape(inputs[0]).channels, 3, 1, 1, Padding::all(1), {}, activation()};
      const int made = builder_.add(c, {inputs[0]});
      inputs = {inputs[0], random_.chance(.3) ? builder_.add(Dropout{}, {made}) : made};
      if (random_.chance(.5)) std::swap(inputs[0], inputs[1]);
    }
    try_to_add(Shortcut{activation()}, inputs);
  }

  void add_layer() {
    const int kind = below(100);
    if (kind < 45) {
      add_convolution();
    } else if (kind < 58) {
      add_pool();
    } else if (kind < 73) {
      add_route();
    } else if (kind < 88) {
      add_shortcut();
    } else if (kind < 90) {
      add_rare_layer();
    } else if (kind < 92) {
      try_to_add(Dropout{}, {any()});
    } else if (kind < 95) {
      try_to_add(Upsample{1 + below(3)}, {any()});
    } else if (kind < 97) {
      try_to_add(graph::Bilinear{1 + below(3), static_cast<graph::Grid>(below(3))}, {any()});
    } else if (kind < 99) {
      try_to_add(graph::AveragePool{}, {any()});
    } else {
      try_to_add(graph::Softmax{}, {any()});
    }
  }

  void add_rare_layer() {
    const int from = any();
    switch (below(6)) {
      case 0:
        return try_to_add(graph::Shuffle{2 + below(2)}, {from});
      case 1:
        return try_to_add(graph::Slice{below(4), 1 + below(8)}, {from});
      case 2: {
        const auto order = static_cast<graph::SpaceToDepth::Order>(below(4));
        return try_to_add(graph::SpaceToDepth{2, order}, {from});
      }
      case 3: {
        const int size = 1 + below(4);
        return try_to_add(graph::AveragePool{size, 1 + below(2), padding(size - 1), below(2) == 0},
                          {from});
      }
      case 4:
        return try_to_add(graph::Product{activation()}, {from, any()});
      default:
        return try_to_add(graph::Attention{1 + below(2), 1 + below(4), .5F}, {from});
    }
  }

  // Skips what does not fit or would become large.
  void try_to_add(const graph::Operation& operation, std::vector<int> inputs) {
    NetworkBuilder more = builder_;
    try {
      const int made = more.add(operation, std::move(inputs));
      const graph::Shape& shape = more.shape(made);
      if (shape.height * shape.width > 400 || shape.channels > 80) return;
      builder_ = std::move(more);
    } catch (const Error&) {
    }
  }

  Random random_;
  NetworkBuilder builder_;
  int maps_ = 0;  // once all are created
};

}  // namespace

std::vector<NamedNetwork> fused_networks() {
  std::vector<NamedNetwork> networks;
  append(kPools, networks);
  append(kShortcuts, networks);
  append(kRoutes, networks);
  append(kConvolutions, networks);
  return networks;
}

graph::Network random_network(std::uint64_t seed) { return RandomNetwork(seed).make(seed); }

}  // namespace oko::runtime
