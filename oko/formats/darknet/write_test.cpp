#include <gmock/gmock.h>

#include "oko/base/error.h"
#include "oko/formats/test_models.h"
#include "oko/graph/builtin.h"

namespace oko::formats {
namespace {

using testing::HasSubstr;
using testing::Not;

void expect_same_layers(const graph::Network& a, const graph::Network& b) {
  ASSERT_EQ(a.layers.size(), b.layers.size());
  for (std::size_t i = 0; i < a.layers.size(); ++i) EXPECT_EQ(a.layers[i], b.layers[i]) << i;
}

graph::Network read_back(const graph::Network& network) {
  return read_darknet_cfg(write_darknet_cfg(network), network.name + ".cfg");
}

std::string complaint(const graph::Network& network) {
  try {
    write_darknet_cfg(network);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(WriteDarknetCfg, ReadsBackEqualForEveryReferenceNetwork) {
  OKO_NEEDS_REFERENCE_MODELS();
  int read = 0;
  for (const char* folder : {"cfg", "darknet", "../golden/training"}) {
    for (const auto& entry : storage::list(storage::join(reference_models(), folder))) {
      if (storage::extension(entry.uri) != ".cfg") continue;
      SCOPED_TRACE(entry.uri);
      const graph::Network network = read_cfg(entry.uri), again = read_back(network);
      expect_same_layers(network, again);
      EXPECT_EQ(network.input, again.input);
      EXPECT_EQ(network.preprocess, again.preprocess);
      EXPECT_EQ(network.metadata, again.metadata);
      EXPECT_EQ(network.name, again.name);
      ++read;
    }
  }
  EXPECT_EQ(read, 16);
}

TEST(WriteDarknetCfg, DerivesTheTrainingKeysOfABuiltinNetwork) {
  const graph::Network network = graph::make_builtin("yolov3-tiny", {.classes = 7});
  const std::string cfg = write_darknet_cfg(network);
  EXPECT_THAT(cfg, HasSubstr("\nfilters=36\n"));
  EXPECT_THAT(cfg, HasSubstr("\nmax_batches=14000\n"));
  EXPECT_THAT(cfg, HasSubstr("\nsteps=11200,12600\n"));
  EXPECT_THAT(cfg, HasSubstr("\nclasses=7\n"));
  EXPECT_THAT(cfg, HasSubstr("\nmask=3,4,5\nanchors=10,14,23,27,37,58,81,82,135,169,344,319\n"));
  EXPECT_THAT(cfg, HasSubstr("\njitter=.3\n"));
  const graph::Network again = read_back(network);
  EXPECT_EQ(again.class_count(), 7);
  EXPECT_EQ(darknet_float_count(again), darknet_float_count(network));
}

// Two branches from the first layer, the second one not directly after it.
graph::Network branched() {
  graph::Network network;
  network.input = {3, 32, 32};
  network.layers = {{"a", graph::Convolution{.filters = 4}, {graph::kNetworkInput}, {}},
                    {"b", graph::Convolution{.filters = 4}, {0}, {}},
                    {"c", graph::Convolution{.filters = 4}, {0}, {}},
                    {"d", graph::Shortcut{}, {1, 2}, {}}};
  graph::infer_shapes(network);
  return network;
}

TEST(WriteDarknetCfg, AddsARouteWhereALayerDoesNotReadItsPredecessor) {
  const graph::Network again = read_back(branched());
  ASSERT_EQ(again.layers.size(), 6U);
  EXPECT_EQ(again.layers[2].inputs, std::vector<int>{0});  // route back to a
  EXPECT_EQ(again.layers[3].inputs, std::vector<int>{2});  // c
  EXPECT_EQ(again.layers[4].inputs, std::vector<int>{1});  // route back to b
  EXPECT_EQ(again.layers[5].inputs, (std::vector<int>{4, 3}));
}

TEST(WriteDarknetCfg, NamesTheLayerItCannotExpress) {
  graph::Network network = branched();
  std::get<graph::Convolution>(network.layers[1].operation) =
      graph::Convolution{.filters = 4, .size = 3, .padding = {0, 0, 2, 2}};
  EXPECT_THAT(complaint(network), HasSubstr("layer 1 (b, convolution): Darknet cannot express"));
  network = branched();
  network.layers[2].inputs = {graph::kNetworkInput};
  EXPECT_THAT(complaint(network), HasSubstr("layer 2 (c, convolution)"));
  network = branched();
  network.layers[3] = {"d", graph::MaxPool{3, 1, {0, 0, 2, 2}}, {2}, {}};
  EXPECT_THAT(complaint(network), HasSubstr("layer 3 (d, max_pool)"));
}

TEST(WriteDarknetCfg, RejectsOutputsThatDarknetCannotHave) {
  graph::Network network = branched();
  network.raw_outputs = {{3, "out"}, {1, "aux"}};
  EXPECT_THAT(complaint(network), HasSubstr("layer 1 (b, convolution): is an output"));
  network.raw_outputs = {{3, "out"}};
  EXPECT_EQ(complaint(network), "");
}

TEST(WriteDarknetCfg, WritesASumOfSeveralLayers) {
  graph::Network network = branched();
  network.layers[3].inputs = {2, 0, 1};
  EXPECT_THAT(write_darknet_cfg(network), HasSubstr("[shortcut]\nfrom=-4,-3\n"));
  EXPECT_EQ(read_back(network).layers.back().inputs, (std::vector<int>{3, 0, 1}));
}

TEST(WriteDarknetCfg, KeepsHowBoxesAreSuppressed) {
  graph::Network network = graph::make_builtin("yolov3-tiny", {.classes = 2});
  for (const float exponent : {0.F, .6F, .9F}) {
    network.diou_exponent = exponent;
    EXPECT_EQ(read_back(network).diou_exponent, exponent);
  }
}

TEST(WriteDarknetCfg, RoundTripsWhetherImagesAreLetterboxed) {
  using enum image::Preprocess::Fit;
  graph::Network network = graph::make_builtin("yolov3-tiny", {.classes = 2});
  for (const auto fit : {kLetterbox, kStretch}) {
    for (const graph::BatchNorm norm : {graph::BatchNorm{1e-6F, true}, graph::BatchNorm{}}) {
      network.preprocess.fit = fit;
      for (graph::Layer& layer : network.layers) {
        auto* c = std::get_if<graph::Convolution>(&layer.operation);
        if (c != nullptr && c->batch_norm) c->batch_norm = norm;
      }
      const graph::Network again = read_back(network);
      EXPECT_EQ(again.preprocess.fit, fit);
      EXPECT_EQ(again.layers[0].operation, network.layers[0].operation);
    }
  }
  EXPECT_THAT(write_darknet_cfg(network), HasSubstr("\nletter_box=0\n"));
  network.preprocess.fit = kLetterbox;
  EXPECT_THAT(write_darknet_cfg(network), HasSubstr("\nletter_box=1\n"));
}

TEST(WriteDarknetCfg, KeepsExplicitPadding) {
  graph::Network network = branched();
  network.layers[1].operation =
      graph::Convolution{.filters = 4, .size = 5, .padding = graph::Padding::all(2)};
  network.layers[3] = {"d", graph::MaxPool{2, 2, {}}, {2}, {}};
  const graph::Network again = read_back(network);
  EXPECT_EQ(again.layers[1].operation, network.layers[1].operation);
  EXPECT_EQ(again.layers[4].operation, network.layers[3].operation);
}

// A layer of every kind that Darknet has besides those of YOLOv3, as its reader makes them.
graph::Network every_layer() {
  return read_darknet_cfg(R"([net]
width=16
height=16
channels=3
[convolutional]
filters=8
size=3
pad=1
dilation=2
activation=elu
[convolutional]
filters=12
size=1
activation=tanh
[shortcut]
from=-2
activation=linear
[local_avgpool]
size=3
stride=1
[reorg]
stride=2
[reorg3d]
stride=2
[convolutional]
filters=192
size=1
activation=logistic
[sam]
from=-2
activation=linear
[avgpool]
[scale_channels]
from=-2
activation=relu
[convolutional]
filters=12
size=1
activation=logistic
[yolo]
mask=0,1
anchors=10,14,23,27
classes=1
num=2
scale_x_y=2
new_coords=1
nms_kind=diounms
beta_nms=0.9
)",
                          "every.cfg");
}

TEST(WriteDarknetCfg, ReadsBackEqualForEveryLayerOfLaterPrograms) {
  const graph::Network network = every_layer(), again = read_back(network);
  expect_same_layers(network, again);
  EXPECT_EQ(network.preprocess, again.preprocess);
  EXPECT_EQ(network.metadata, again.metadata);
  EXPECT_EQ(again.diou_exponent, .9F);
  EXPECT_THAT(write_darknet_cfg(network),
              HasSubstr("filters=12\nsize=1\nstride=1\npad=1\nactivation=logistic\n\n[yolo]\n"));
}

TEST(WriteDarknetCfg, WritesAConnectedLayerAsAConvolution) {
  const graph::Network network = read_darknet_cfg(
      "[net]\nwidth=8\nheight=8\nchannels=3\n[connected]\noutput=4\nactivation=relu\n[softmax]\n",
      "n.cfg");
  expect_same_layers(network, read_back(network));
  EXPECT_THAT(write_darknet_cfg(network), HasSubstr("filters=4\nsize=8\nstride=1\npadding=0\n"));
}

TEST(WriteDarknetCfg, RefusesWhatNoDarknetComputes) {
  const auto with = [](auto operation, std::vector<int> inputs = {2}) {
    graph::Network network = branched();
    network.layers[3] = {"d", operation, std::move(inputs), {}};
    return complaint(network);
  };
  using graph::Activation;
  const std::string place = "layer 3 (d, ";
  graph::Convolution swish{.filters = 4};
  swish.activation = Activation::kHardSwish;
  EXPECT_THAT(with(swish), HasSubstr("Darknet cannot express the activation hard_swish"));
  graph::Convolution dilated{.filters = 4, .size = 3};
  dilated.dilation = 2;
  EXPECT_THAT(with(dilated), HasSubstr(place + "convolution): Darknet cannot express dilation"));
  EXPECT_THAT(with(graph::AveragePool{3, 1, graph::Padding::all(1), true}),
              HasSubstr("Darknet cannot express an average that counts the padding"));
  EXPECT_THAT(with(graph::SpaceToDepth{2, graph::SpaceToDepth::Order::kColumns}),
              HasSubstr("Darknet cannot express this order of channels"));
  EXPECT_THAT(with(graph::Softmax{}),
              HasSubstr("Darknet cannot express a softmax for every pixel"));
  EXPECT_THAT(with(graph::Product{}, {2, 1, 0}), HasSubstr("a product of more than two layers"));
  EXPECT_THAT(with(graph::Product{Activation::kMish}, {2, 1}), HasSubstr("with this activation"));
  graph::Network yolox = every_layer();
  std::get<graph::Yolo>(yolox.layers.back().operation).box_code = graph::BoxCode::kPoint;
  EXPECT_THAT(complaint(yolox), HasSubstr("how this head makes boxes or scores"));
}

TEST(WriteDarknetCfg, GivesLogisticFunctionsOnlyToAConvolutionOfTheHeadAlone) {
  graph::Network network = every_layer();
  const auto from = static_cast<std::size_t>(network.layers.back().inputs.front());
  auto& convolution = std::get<graph::Convolution>(network.layers[from].operation);
  convolution.activation = graph::Activation::kRelu;
  EXPECT_THAT(complaint(network), HasSubstr("this head after anything but a convolution without"));
  convolution.activation = graph::Activation::kLinear;
  network.layers.push_back({"more", graph::Convolution{}, {static_cast<int>(from)}, {}});
  EXPECT_THAT(complaint(network),
              HasSubstr("this head after a convolution that another layer reads"));
}

TEST(WriteDarknetCfg, RejectsMetadataThatWouldBreakTheFile) {
  graph::Network network = branched();
  for (const char* text : {"1\n[route]", "1#", "a b"}) {
    network.metadata["darknet"] = {{"net", {{"batch", text}}}};
    EXPECT_THAT(complaint(network), HasSubstr("the key \"batch\" cannot be written"));
  }
  network.metadata["darknet"] = {{"net", {{"batch", 64}}}};
  EXPECT_THAT(complaint(network), HasSubstr("\"batch\" must be a string"));
  network.metadata["darknet"] = {{"net", {{"width", "1"}, {"batch", "8"}}}};
  EXPECT_THAT(write_darknet_cfg(network), Not(HasSubstr("width=1\n")));
}

}  // namespace
}  // namespace oko::formats
