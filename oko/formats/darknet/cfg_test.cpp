#include <gmock/gmock.h>

#include "oko/base/error.h"
#include "oko/formats/test_models.h"
#include "oko/graph/builtin.h"

namespace oko::formats {
namespace {

using testing::HasSubstr;

TEST(ReadDarknetCfg, ReadsEveryReferenceNetwork) {
  OKO_NEEDS_REFERENCE_MODELS();
  const std::pair<const char*, std::int64_t> kFloats[] = {
      {"cfg/yolov3.cfg", 62001757},
      {"cfg/yolov3-tiny.cfg", 8858734},
      {"cfg/yolov3-voc.cfg", 61678657},
      {"cfg/yolov3-spp.cfg", 63052381},
      {"cfg/yolov2-tiny.cfg", 11237145},
      {"cfg/yolov2-tiny-voc.cfg", 15867885},
      {"cfg/darknet53.cfg", 41645640},
      {"cfg/darknet19.cfg", 20856776},
      {"cfg/darknet.cfg", 7323480},
      {"cfg/tiny.cfg", 1046488},
      {"darknet/yolo-fastest-1.1.cfg", 346062},
      {"darknet/yolo-fastest-1.1-xl.cfg", 923486},
      {"darknet/MobileNetV2-YOLOv3-Nano-coco.cfg", 891070},
      {"darknet/yoloface-500k.cfg", 130140},
      {"darknet/yoloface-50k.cfg", 11248},
  };
  for (const auto& [file, floats] : kFloats) {
    SCOPED_TRACE(file);
    const graph::Network network = read_cfg(storage::join(reference_models(), file));
    EXPECT_EQ(darknet_float_count(network), floats);
    EXPECT_EQ(network.name, storage::stem(file));
  }
}

// The layer without batch norm's epsilon, which Darknet and oko set differently on purpose.
graph::Layer without_epsilon(graph::Layer layer) {
  auto* convolution = std::get_if<graph::Convolution>(&layer.operation);
  if (convolution && convolution->batch_norm) convolution->batch_norm = graph::BatchNorm{};
  return layer;
}

TEST(Builtin, EqualsThePublishedNetworksLayerByLayer) {
  OKO_NEEDS_REFERENCE_MODELS();
  const std::pair<const char*, const char*> kPublished[] = {
      {"yolov3", "cfg/yolov3.cfg"},
      {"yolov3-tiny", "cfg/yolov3-tiny.cfg"},
      {"yolo-fastest", "darknet/yolo-fastest-1.1.cfg"},
      {"yolo-fastest-xl", "darknet/yolo-fastest-1.1-xl.cfg"},
  };
  for (const auto& [name, file] : kPublished) {
    SCOPED_TRACE(name);
    const graph::Network published = read_cfg(storage::join(reference_models(), file));
    // yolov3.cfg is for 608x608 with the anchors of 416x416, so they are given as they are.
    const graph::Network made =
        graph::make_builtin(name, {.width = published.input.width,
                                   .height = published.input.height,
                                   .anchors = graph::anchors_of(published)});
    EXPECT_EQ(graph::anchors_of(graph::make_builtin(name, {})), graph::anchors_of(published));
    ASSERT_EQ(made.layers.size(), published.layers.size());
    for (std::size_t i = 0; i < made.layers.size(); ++i) {
      EXPECT_EQ(made.layers[i], without_epsilon(published.layers[i])) << i;
    }
  }
}

// The reader's error message for a text, or "" if it is accepted.
std::string complaint(const std::string& text) {
  try {
    read_darknet_cfg(text, "net.cfg");
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInput);
    return e.what();
  }
  return "";
}

const std::string kNet = "[net]\nwidth=8\nheight=8\nchannels=3\n";  // four lines
const std::string kConvolution = "[convolutional]\nfilters=12\nsize=1\nactivation=linear\n";

TEST(ReadDarknetCfg, AcceptsEveryKindOfLayer) {
  const graph::Network network = read_darknet_cfg(kNet + R"(
[convolutional]
batch_normalize = 1
groups = 3   # one a channel
filters=6
size=3
stride=2
pad=1
activation=swish

[maxpool]
size=2
stride=1

[shortcut]
from=0
activation=relu

[route]
layers = -1, 0
groups=2
group_id=1

[upsample]
stride=3
[dropout]
probability=.25
[avgpool]
[softmax]
[cost]
type=sse
[convolutional]
filters=12
size=1
padding=2
activation=mish
[yolo]
mask=1,0
anchors=1,2, 3,4.5
classes=1
num=2
scale_x_y=1.1
ignore_thresh=.6
truth_thresh=.9
)",
                                                  "some/net.cfg");
  ASSERT_EQ(network.layers.size(), 10U);
  EXPECT_EQ(network.name, "net");
  EXPECT_EQ(network.preprocess.sampling, image::Preprocess::Sampling::kPixelCentres);
  const auto& l = network.layers;
  EXPECT_EQ(l[0].operation,
            graph::Operation(graph::Convolution{.filters = 6,
                                                .size = 3,
                                                .stride = 2,
                                                .groups = 3,
                                                .padding = graph::Padding::all(1),
                                                .batch_norm = graph::BatchNorm{1e-5F, false},
                                                .activation = graph::Activation::kSwish}));
  EXPECT_EQ(l[1].operation, graph::Operation(graph::MaxPool{2, 1, {0, 0, 1, 1}}));
  EXPECT_EQ(l[1].output, l[0].output);
  EXPECT_EQ(l[2].operation, graph::Operation(graph::Shortcut{graph::Activation::kRelu}));
  EXPECT_EQ(l[2].inputs, (std::vector<int>{1, 0}));
  EXPECT_EQ(l[3].operation, graph::Operation(graph::Route{2, 1}));
  EXPECT_EQ(l[3].inputs, (std::vector<int>{2, 0}));
  EXPECT_EQ(l[3].output, (graph::Shape{6, 4, 4}));
  EXPECT_EQ(l[4].output, (graph::Shape{6, 12, 12}));
  EXPECT_EQ(l[5].operation, graph::Operation(graph::Dropout{.25F}));
  EXPECT_EQ(l[7].output, (graph::Shape{6, 1, 1}));
  EXPECT_EQ(l[8].name, "layers.9");  // [cost] is layer 8 of Darknet
  EXPECT_EQ(l[8].inputs, std::vector<int>{7});
  EXPECT_EQ(l[8].output, (graph::Shape{12, 5, 5}));
  const auto& yolo = std::get<graph::Yolo>(l[9].operation);
  EXPECT_EQ(yolo.mask, (std::vector<int>{1, 0}));
  EXPECT_EQ(yolo.anchors, (std::vector<graph::Anchor>{{1, 2}, {3, 4.5F}}));
  EXPECT_EQ(yolo.scale_x_y, 1.1F);
  EXPECT_EQ(yolo.ignore_threshold, .6F);
  EXPECT_EQ(yolo.truth_threshold, .9F);
}

struct Decision {
  std::string net_key, head_key;
  image::Preprocess::Fit fit;
  bool epsilon_outside_root;
  const char* warning;
};

TEST(ReadDarknetCfg, DecidesByItsKeysHowDarknetFitsImagesAndSaysSo) {
  using enum image::Preprocess::Fit;
  const Decision kCases[] = {
      {"", "jitter=.3\n", kLetterbox, true, "no key is newer than the original Darknet, so images"},
      {"", "nms_kind=greedynms\n", kStretch, false,
       "net.cfg:13: nms_kind is a key of AlexeyAB's Darknet, so images are stretched"},
      {"mosaic=1\n", "", kStretch, false, "net.cfg:5: mosaic is a key"},
      {"letter_box=1\n", "scale_x_y=1.05\n", kLetterbox, false,
       "net.cfg:5: letter_box=1: images are letterboxed"},
      {"letter_box=0\n", "", kStretch, true, "net.cfg:5: letter_box=0: images are stretched"},
      {"letter_box=1\n", "", kLetterbox, true, "net.cfg:5: letter_box=1"},
  };
  for (const Decision& c : kCases) {
    SCOPED_TRACE(c.warning);
    std::vector<std::string> warnings;
    const graph::Network network = read_darknet_cfg(
        kNet + c.net_key +
            "[convolutional]\nbatch_normalize=1\nfilters=12\nsize=1\nactivation=linear\n" +
            "[yolo]\nanchors=1,2,3,4\nclasses=1\n" + c.head_key,
        "net.cfg", &warnings);
    EXPECT_EQ(network.preprocess.fit, c.fit);
    const auto& convolution = std::get<graph::Convolution>(network.layers[0].operation);
    EXPECT_EQ(convolution.batch_norm->epsilon_outside_root, c.epsilon_outside_root);
    EXPECT_EQ(convolution.batch_norm->epsilon, c.epsilon_outside_root ? 1e-6F : 1e-5F);
    ASSERT_FALSE(warnings.empty());
    EXPECT_THAT(warnings[0], testing::StartsWith(c.warning));
  }
}

TEST(ReadDarknetCfg, SuppressesByDiouWhereTheLastHeadSaysSo) {
  const std::string head = "[yolo]\nanchors=1,2,3,4\nclasses=1\n";
  std::vector<std::string> warnings;
  const auto exponent = [&](const std::string& keys) {
    warnings.clear();
    return read_darknet_cfg(kNet + kConvolution + head + keys, "net.cfg", &warnings).diou_exponent;
  };
  EXPECT_EQ(exponent("nms_kind=greedynms\nbeta_nms=.9\n"), .6F);
  EXPECT_THAT(warnings,
              testing::Contains("net.cfg:12: nms_kind=greedynms, so overlapping boxes are "
                                "suppressed by DIoU instead of IoU"));
  EXPECT_EQ(exponent("nms_kind=best\n"), 0);
  EXPECT_THAT(warnings, testing::Contains(HasSubstr("nms_kind=best is unknown to Darknet")));
  EXPECT_EQ(exponent("nms_kind=diounms\nbeta_nms=.9\n"), .9F);
  EXPECT_EQ(exponent("nms_kind=diounms\n"), .6F);
  for (const char* by_iou : {"", "nms_kind=default\n", "nms_kind=cornersnms\n", "beta_nms=.9\n"}) {
    EXPECT_EQ(exponent(by_iou), 0) << by_iou;
    EXPECT_THAT(warnings, testing::Not(testing::Contains(HasSubstr("DIoU")))) << by_iou;
  }
  EXPECT_EQ(exponent("nms_kind=greedynms\n[route]\nlayers=0\n" + head), 0);
  EXPECT_THAT(complaint(kNet + kConvolution + head + "nms_kind=diounms\nbeta_nms=0\n"),
              HasSubstr("net.cfg:13: beta_nms must be above 0"));
}

TEST(ReadDarknetCfg, AcceptsEqualStridesOfBothDirections) {
  for (const char* key :
       {"stride_x=2\nstride_y=2\n", "stride=2\nstride_x=2\n", "stride_y=2\nstride=2\n"}) {
    const graph::Network network = read_darknet_cfg(kNet + kConvolution + key, "n");
    EXPECT_EQ(network.layers[0].output, (graph::Shape{12, 4, 4})) << key;
  }
  EXPECT_THAT(complaint(kNet + kConvolution + "stride_x=2\n"),
              HasSubstr("net.cfg:9: different strides (2 and 1)"));
  const graph::Network pool =
      read_darknet_cfg(kNet + "[maxpool]\nsize=2\nstride_x=2\nstride_y=2\n", "n");
  EXPECT_EQ(pool.layers[0].output, (graph::Shape{3, 4, 4}));
}

TEST(ReadDarknetCfg, AddsEveryLayerOfAShortcut) {
  const graph::Network network =
      read_darknet_cfg(kNet + kConvolution + kConvolution + "[shortcut]\nfrom=-2,0,-1\n", "n");
  EXPECT_EQ(network.layers[2].inputs, (std::vector<int>{1, 0, 0, 1}));
}

TEST(ReadDarknetCfg, SkipsAByteOrderMark) {
  EXPECT_EQ(complaint("\xef\xbb\xbf" + kNet + kConvolution), "");
}

TEST(ReadDarknetCfg, InfersDarknetsShapesOfPools) {
  // (side + padding - size) / stride + 1, padding = size - 1 unless given.
  const std::tuple<int, int, int, int> kCases[] = {{2, 2, -1, 4}, {2, 1, -1, 8}, {3, 1, -1, 8},
                                                   {9, 1, -1, 8}, {3, 2, -1, 4}, {2, 2, 0, 4},
                                                   {3, 2, 0, 3},  {5, 3, 2, 2}};
  for (const auto& [size, stride, padding, side] : kCases) {
    std::string text = kNet + "[maxpool]\nsize=" + std::to_string(size) +
                       "\nstride=" + std::to_string(stride) + "\n";
    if (padding >= 0) text += "padding=" + std::to_string(padding) + "\n";
    EXPECT_EQ(read_darknet_cfg(text, "n").layers[0].output, (graph::Shape{3, side, side})) << text;
  }
}

TEST(ReadDarknetCfg, KeepsTrainingKeysAndWarnsAboutUnusedKeys) {
  std::vector<std::string> warnings;
  const graph::Network network =
      read_darknet_cfg(kNet + "burn_in=1000\n" + kConvolution + "mystery=1\n" + kConvolution +
                           "mystery=2\n[yolo]\nanchors=1,2,3,4\nclasses=1\njitter=.3\n",
                       "net.cfg", &warnings);
  EXPECT_THAT(warnings,
              testing::ElementsAre(HasSubstr("images are letterboxed"),
                                   "net.cfg:10: mystery in [convolutional] has no effect here",
                                   "net.cfg:19: jitter in [yolo] has no effect here"));
  EXPECT_EQ(network.metadata["darknet"].dump(),
            R"({"net":{"burn_in":"1000"},"heads":[{"jitter":".3"}]})");
}

TEST(ReadDarknetCfg, NamesTheFaultyLine) {
  const std::pair<std::string, const char*> kCases[] = {
      {"", "net.cfg: the first section is not [net]"},
      {"PK\3\4", "net.cfg:1: \"PK\" is neither [section] nor key=value"},
      {"width=8\n", "net.cfg:1: \"width=8\" comes before the first [section]"},
      {"[convolutional]\n", "net.cfg:1: the first section is not [net]"},
      {"[net\n", "net.cfg:1: \"[net\" has no closing bracket"},
      {"[net]\nwidth=8\nchannels=3\n", "net.cfg:1: [net] has no height"},
      {"[net]\nwidth=8\nheight=x8\nchannels=3\n",
       "net.cfg:3: height must be a whole number, found \"x8\""},
      {"[net]\nwidth=0\nheight=8\nchannels=3\n[avgpool]\n", "net.cfg:1: network: the input 3x8x0"},
      {kNet, "net.cfg:1: network: there are no layers"},
      {kNet + "[deconvolutional]\n", "net.cfg:5: [deconvolutional] is not a known layer"},
      {kNet + "[convolutional]\nfilters=1\nsize=2\nactivation=linear\npad=1\ndilation=2\n",
       "net.cfg:10: this dilation is supported only with pad=1 and an odd size"},
      {kNet + "[convolutional]\nfilters=1\nsize=3\nactivation=linear\ndilation=2\n",
       "net.cfg:9: this dilation"},
      {kNet + "[softmax]\ntree=a.tree\n", "net.cfg:6: [softmax] with tree=a.tree"},
      {kNet + "[convolutional]\nsize=1\n", "net.cfg:5: [convolutional] has no filters"},
      {kNet + "[convolutional]\nfilters=2.5\n", "net.cfg:6: filters must be a whole number"},
      {kNet + "[convolutional]\nfilters=99999999999\n", "net.cfg:6: filters must be"},
      {kNet + "[convolutional]\nfilters=1\nsize=1\nactivation=loggy\n",
       "net.cfg:8: the activation loggy is not known"},
      {kNet + "[convolutional]\nfilters=1\nsize=11\nactivation=relu\n",
       "net.cfg:5: layer 0 (layers.0, convolution): a window of 11x11 does not fit"},
      {kNet + kConvolution + "[route]\nlayers=-2\n", "net.cfg:10: layers refers to layer -2"},
      {kNet + kConvolution + "[route]\nlayers=1\n",
       "net.cfg:10: layers refers to layer 1, this is"},
      {kNet + "[route]\nlayers=-1\n", "net.cfg:6: layers refers to layer -1"},
      {kNet + "[route]\nlayers=\n", "net.cfg:5: layer 0 (layers.0, route): the layer has 0 inputs"},
      {kNet + kConvolution + "[shortcut]\nfrom=-2\n", "net.cfg:10: from refers to layer -2"},
      {kNet + kConvolution + "[dropout]\nprobability=nan\n", "net.cfg:10: probability must be"},
      {kNet + kConvolution + "[dropout]\nprobability=1.5\n", "net.cfg:9: layer 1"},
      {kNet + kConvolution + "[yolo]\nclasses=1\n", "net.cfg:9: [yolo] has no anchors"},
      {kNet + kConvolution + "[yolo]\nclasses=1\nanchors=1,2,3\n",
       "net.cfg:11: there are 3 numbers for 1 anchors, which have two each"},
      {kNet + kConvolution + "[yolo]\nclasses=1\nanchors=1,2,3,4\nnum=3000\n",
       "net.cfg:11: there are 4 numbers for 3000 anchors"},
      {kNet + kConvolution + "[yolo]\nclasses=1\nanchors=1,2,3,4\nmask=0,2\n",
       "net.cfg:9: layer 1 (layers.1, yolo): mask 2 is not in 0…1"},
      {kNet + kConvolution + "[yolo]\nclasses=2\nanchors=1,2,3,4\n",
       "net.cfg:9: layer 1 (layers.1, yolo): the input is 12x8x8, 2 anchors and 2 classes need "
       "14x8x8"},
  };
  for (const auto& [text, message] : kCases) {
    EXPECT_THAT(complaint(text), testing::StartsWith(message)) << text;
  }
}

TEST(ReadDarknetCfg, RefusesLayersByNameThatAreNotFeedForwardOrNotOfOko) {
  const std::pair<std::string, const char*> kCases[] = {
      {"rnn", "is a recurrent layer"},      {"crnn", "is a recurrent layer"},
      {"lstm", "is a recurrent layer"},     {"conv_lstm", "is a recurrent layer"},
      {"gru", "is a recurrent layer"},      {"detection", "is the head of YOLOv1"},
      {"local", "has other weights"},       {"Gaussian_yolo", "scores boxes by their uncertainty"},
      {"lrn", "normalizes across channels"}};
  for (const auto& [name, message] : kCases) {
    // Even where [net] alone would be an error.
    EXPECT_THAT(complaint("[net]\ninputs=256\n[" + name + "]\n"),
                testing::StartsWith("net.cfg:3: [" + name + "] " + message));
  }
}

TEST(ReadDarknetCfg, TakesTheFirstOfAKeyGivenTwiceAndSaysSo) {
  std::vector<std::string> warnings;
  const graph::Network network =
      read_darknet_cfg(kNet + kConvolution + "filters=3\nsize=1\n", "net.cfg", &warnings);
  EXPECT_EQ(network.layers[0].output.channels, 12);
  EXPECT_THAT(warnings, testing::Contains("net.cfg:9: \"filters\" is given twice in "
                                          "[convolutional]; the first, in line 6, counts, as in "
                                          "Darknet"));
  EXPECT_THAT(warnings, testing::Not(testing::Contains(HasSubstr("\"size\""))));  // the same value
  EXPECT_THAT(warnings.front(), HasSubstr("images are letterboxed"));
}

// The layers of a .cfg, after a first convolution of 12 channels.
graph::Network read_after(const std::string& sections, std::vector<std::string>* notes = nullptr,
                          DarknetLayout* layout = nullptr) {
  return read_darknet_cfg(kNet + kConvolution + sections, "net.cfg", notes, layout);
}

TEST(ReadDarknetCfg, AddsTheChannelsThatUnequalLayersHaveInCommon) {
  const std::string narrow = "[convolutional]\nfilters=5\nsize=1\nactivation=linear\n";
  const graph::Network network = read_after(narrow + "[shortcut]\nfrom=-2\n");
  EXPECT_EQ(network.layers[2].operation,
            graph::Operation(graph::Shortcut{graph::Activation::kLinear, true}));
  EXPECT_EQ(network.layers[2].output.channels, 5);
  EXPECT_EQ(read_after("[shortcut]\nfrom=0\n").layers[1].operation,
            graph::Operation(graph::Shortcut{}));
}

TEST(ReadDarknetCfg, AddsEveryOtherPixelOfALargerLayer) {
  const std::string half = "[maxpool]\nsize=2\nstride=2\n";
  const graph::Network network = read_after(half + "[shortcut]\nfrom=0\n");
  ASSERT_EQ(network.layers.size(), 4U);
  EXPECT_EQ(network.layers[2].operation, graph::Operation(graph::MaxPool{1, 2}));
  EXPECT_EQ(network.layers[2].inputs, std::vector<int>{0});
  EXPECT_EQ(network.layers[3].operation, graph::Operation(graph::Shortcut{}));
  EXPECT_EQ(network.layers[3].inputs, (std::vector<int>{1, 2}));
  // Not of a smaller one.
  EXPECT_THAT(complaint(kNet + kConvolution + half + "[route]\nlayers=0\n[shortcut]\nfrom=1\n"),
              testing::StartsWith("net.cfg:14: layer 3 (layers.3, shortcut): cannot add"));
}

TEST(ReadDarknetCfg, MultipliesLayersInSamAndScaleChannels) {
  std::vector<std::string> notes;
  const graph::Network sam = read_after(kConvolution + "[sam]\nfrom=-2\nactivation=relu\n", &notes);
  EXPECT_THAT(notes.front(), testing::StartsWith("net.cfg:13: [sam] is a layer of AlexeyAB's"));
  EXPECT_EQ(sam.layers[2].operation, graph::Operation(graph::Product{graph::Activation::kRelu}));
  EXPECT_EQ(sam.layers[2].inputs, (std::vector<int>{1, 0}));
  const graph::Network scaled = read_after("[avgpool]\n[scale_channels]\nfrom=0\n");
  EXPECT_EQ(scaled.layers[2].operation, graph::Operation(graph::Product{}));
  EXPECT_EQ(scaled.layers[2].inputs, (std::vector<int>{0, 1}));
  EXPECT_EQ(scaled.layers[2].output, (graph::Shape{12, 8, 8}));
  const std::string before = kNet + kConvolution;
  EXPECT_THAT(complaint(before + "[avgpool]\n[sam]\nfrom=0\n"),
              testing::StartsWith("net.cfg:10: cannot multiply 12x1x1 and 12x8x8"));
  EXPECT_THAT(complaint(before + "[scale_channels]\nfrom=0\n"),
              testing::StartsWith("net.cfg:9: the layer before it must have one value for each"));
  EXPECT_THAT(complaint(before + "[sam]\nfrom=0\nactivation=mish\n"),
              testing::StartsWith("net.cfg:11: [sam] with this activation is not supported"));
  EXPECT_THAT(complaint(before + "[avgpool]\n[scale_channels]\nfrom=0\nscale_wh=1\n"),
              testing::StartsWith("net.cfg:12: [scale_channels] with scale_wh=1"));
}

TEST(ReadDarknetCfg, ReadsBothOrdersOfReorg) {
  using Order = graph::SpaceToDepth::Order;
  EXPECT_EQ(read_after("[reorg]\nstride=2\n").layers[1].operation,
            graph::Operation(graph::SpaceToDepth{2, Order::kDarknet}));
  EXPECT_EQ(read_after("[reorg3d]\nstride=2\n").layers[1].operation,
            graph::Operation(graph::SpaceToDepth{2, Order::kRows}));
  EXPECT_THAT(complaint(kNet + kConvolution + "[reorg]\nstride=2\nreverse=1\n"),
              HasSubstr("net.cfg:11: [reorg] with reverse=1"));
}

TEST(ReadDarknetCfg, DilatesWindowsAndTheirPadding) {
  const graph::Network network = read_darknet_cfg(
      kNet + "[convolutional]\nfilters=2\nsize=3\npad=1\nstride=2\ndilation=3\nactivation=elu\n" +
          kConvolution + "dilation=4\n",  // of 1x1, which ignores it
      "n");
  graph::Convolution expected{.filters = 2, .size = 3, .stride = 2};
  expected.padding = graph::Padding::all(3);
  expected.dilation = 3;
  expected.activation = graph::Activation::kElu;
  EXPECT_EQ(network.layers[0].operation, graph::Operation(expected));
  EXPECT_EQ(network.layers[0].output, (graph::Shape{2, 4, 4}));
  EXPECT_EQ(std::get<graph::Convolution>(network.layers[1].operation).dilation, 1);
}

TEST(ReadDarknetCfg, AveragesWindowsWithoutTheirPadding) {
  const graph::Network network = read_after("[local_avgpool]\nsize=3\nstride=2\n");
  EXPECT_EQ(network.layers[1].operation,
            graph::Operation(graph::AveragePool{3, 2, graph::Padding::all(1)}));
  EXPECT_THAT(complaint(kNet + "[local_avgpool]\nsize=0\n"),
              HasSubstr("net.cfg:5: the size of the window is below 1"));
}

TEST(ReadDarknetCfg, ReadsAConnectedLayerAsAConvolutionOverTheWholeMap) {
  const graph::Network network =
      read_after("[connected]\noutput=5\nactivation=relu\n[conn]\noutput=2\nactivation=linear\n");
  EXPECT_EQ(network.layers[1].operation,
            graph::Operation(graph::Convolution{
                .filters = 5, .size = 8, .activation = graph::Activation::kRelu}));
  EXPECT_EQ(network.layers[2].operation, graph::Operation(graph::Convolution{.filters = 2}));
  EXPECT_THAT(complaint("[net]\nwidth=8\nheight=4\nchannels=3\n[connected]\noutput=1\n"),
              testing::StartsWith("net.cfg:5: [connected] is supported only after a square map"));
  EXPECT_THAT(complaint(kNet + "[connected]\noutput=1\nbatch_normalize=1\nactivation=linear\n"),
              testing::StartsWith("net.cfg:7: [connected] with batch_normalize=1"));
}

TEST(ReadDarknetCfg, SoftmaxIsOverAllValuesAndTakesATemperature) {
  DarknetLayout layout;
  const graph::Network network = read_after("[softmax]\ntemperature=4\n", nullptr, &layout);
  ASSERT_EQ(network.layers.size(), 4U);
  EXPECT_EQ(network.layers[1].operation,
            graph::Operation(graph::SpaceToDepth{8, graph::SpaceToDepth::Order::kChannels}));
  EXPECT_EQ(network.layers[2].operation,
            graph::Operation(graph::Convolution{.filters = 768, .groups = 768}));
  EXPECT_EQ(network.layers[3].operation, graph::Operation(graph::Softmax{}));
  EXPECT_EQ(layout.constant, (std::map<int, float>{{2, .25F}}));
  EXPECT_THAT(complaint(kNet + "[softmax]\ntemperature=0\n"), HasSubstr("net.cfg:6: temperature"));
}

TEST(ReadDarknetCfg, CropsTheInputOnlyInTheBeginning) {
  const std::string crop = "[crop]\ncrop_width=6\ncrop_height=4\n";
  std::vector<std::string> notes;
  const graph::Network network = read_darknet_cfg(kNet + crop + kConvolution, "net.cfg", &notes);
  EXPECT_EQ(network.input, (graph::Shape{3, 4, 6}));
  EXPECT_EQ(network.preprocess.normalized(0, 1), -1);
  EXPECT_EQ(network.preprocess.normalized(1, 2), 1);
  EXPECT_EQ(network.layers[0].name, "layers.1");
  EXPECT_EQ(network.layers[0].inputs, std::vector<int>{graph::kNetworkInput});
  EXPECT_THAT(notes, testing::Contains(HasSubstr("net.cfg:5: the input is 3x4x6")));
  EXPECT_FALSE(read_darknet_cfg(kNet + crop + "noadjust=1\n" + kConvolution, "net.cfg")
                   .preprocess.normalizes());
  EXPECT_THAT(complaint(kNet + kConvolution + crop), HasSubstr("net.cfg:9: [crop] is supported"));
  EXPECT_THAT(complaint(kNet + "[crop]\ncrop_width=9\ncrop_height=4\n"),
              HasSubstr("net.cfg:5: a crop of 3x4x9 does not fit into the input 3x8x8"));
}

TEST(ReadDarknetCfg, SkipsWhatIsOnlyUsedInTraining) {
  std::vector<std::string> notes;
  const graph::Network network =
      read_after("[contrastive]\nclasses=1\n[empty]\n[cost]\n" + kConvolution, &notes);
  ASSERT_EQ(network.layers.size(), 2U);
  EXPECT_EQ(network.layers[1].name, "layers.4");
  EXPECT_EQ(network.layers[1].inputs, std::vector<int>{0});
  EXPECT_THAT(notes, testing::IsSupersetOf({"net.cfg:9: [contrastive] is only used in training",
                                            "net.cfg:11: [empty] computes nothing",
                                            "net.cfg:12: [cost] is only used in training"}));
}

TEST(ReadDarknetCfg, LayersThatShareWeightsGetACopy) {
  DarknetLayout layout;
  read_after(kConvolution + kConvolution + "share_index=1\n" + kConvolution + "share_index=-1\n",
             nullptr, &layout);
  EXPECT_EQ(layout.same_as, (std::map<int, int>{{2, 1}, {3, 2}}));
  EXPECT_THAT(complaint(kNet + kConvolution + kConvolution + "share_index=0\n"),
              testing::StartsWith("net.cfg:13: the layer is not a convolution with weights of"));
  EXPECT_THAT(complaint(kNet + "[avgpool]\n" + kConvolution + "share_index=0\n"),
              testing::StartsWith("net.cfg:10: the layer is not a convolution"));
}

TEST(ReadDarknetCfg, TakesLogisticFunctionsIntoAHeadWithNewCoordinates) {
  const std::string logistic = "[convolutional]\nfilters=12\nsize=1\nactivation=logistic\n";
  const std::string head = "[yolo]\nanchors=1,2,3,4\nclasses=1\nscale_x_y=2\nnew_coords=1\n";
  const graph::Network network = read_after(logistic + head);
  EXPECT_EQ(std::get<graph::Convolution>(network.layers[1].operation).activation,
            graph::Activation::kLinear);
  const auto& yolo = std::get<graph::Yolo>(network.layers[2].operation);
  EXPECT_EQ(yolo.box_code, graph::BoxCode::kSquared);
  EXPECT_EQ(yolo.scale_x_y, 2);
  // Also where it precedes heads that do the same, but nothing else may read it.
  EXPECT_EQ(read_after(logistic + head + "[route]\nlayers=0\n" + logistic + head).layers.size(),
            6U);
  for (const std::string& wrong :
       {head, logistic + "[route]\nlayers=1\n" + head, logistic + head + "[route]\nlayers=1\n"}) {
    EXPECT_THAT(complaint(kNet + kConvolution + wrong),
                HasSubstr("a head with new_coords=1 must follow a convolution"))
        << wrong;
  }
}

TEST(ReadDarknetCfg, CountsAnchorsAsDarknetDoes) {
  std::vector<std::string> notes;
  const auto yolo = [&](const std::string& keys) {
    notes.clear();
    const graph::Network network = read_after("[yolo]\nclasses=1\n" + keys, &notes);
    return std::get<graph::Yolo>(network.layers[1].operation);
  };
  const graph::Yolo fewer = yolo("anchors=1,2,3\nnum=2\n");
  EXPECT_EQ(fewer.anchors, (std::vector<graph::Anchor>{{1, 2}, {3, .5F}}));
  EXPECT_THAT(notes, testing::Contains("net.cfg:11: num=2, but anchors has 3 numbers: as in "
                                       "Darknet, the missing ones are 0.5; is a comma missing?"));
  const graph::Yolo more = yolo("anchors=1,2,3,4,5,6\nnum=1\nmask=0,2\n");
  EXPECT_EQ(more.anchors.size(), 3U);
  EXPECT_THAT(notes, testing::Contains(HasSubstr("num=1, but anchors has 6 numbers")));
  EXPECT_EQ(yolo("anchors=1,2,3,4,5,6\nnum=2\n").mask, (std::vector<int>{0, 1}));
  const graph::Network region = read_after("[region]\nclasses=1\nanchors=1,2,3,4,5,6\nnum=2\n");
  EXPECT_EQ(std::get<graph::Region>(region.layers[1].operation).anchors,
            (std::vector<graph::Anchor>{{1, 2}, {3, 4}}));
}

TEST(ReadDarknetCfg, AcceptsWindowsLineEndsAndTrailingBlanks) {
  EXPECT_EQ(complaint("[net]\r\nwidth = 8 \r\nheight=8\r\nchannels=3\r\n\t[avgpool]\r\n"), "");
}

TEST(ReadDarknetCfg, AcceptsOrRejectsACfgTruncatedAnywhere) {
  const std::string text = kNet + kConvolution + "[yolo]\nclasses=1\nanchors=1,2,3,4\nmask=0,1\n";
  int taken = 0;
  for (std::size_t size = 0; size <= text.size(); ++size) {
    taken += complaint(text.substr(0, size)).empty();
  }
  EXPECT_GT(taken, 0);
  EXPECT_LT(taken, 40);
}

}  // namespace
}  // namespace oko::formats
