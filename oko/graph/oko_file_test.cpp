#include "oko/graph/oko_file.h"

#include <gmock/gmock.h>

#include <cstring>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/graph/builtin.h"
#include "oko/graph/fold.h"
#include "oko/graph/network_json.h"

namespace oko::graph {
namespace {

using testing::HasSubstr;

void fill_weights(Network& network) {
  Random random(1);
  for (const WeightSpec& spec : weight_specs(network)) {
    const std::int64_t count = Tensor{DType::kF32, spec.shape, {}}.count();
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) v = static_cast<float>(random.below(1000)) / 7.F;
    network.weights[spec.name] = Tensor::of(std::move(values), spec.shape);
  }
}

// One layer of every kind, with settings other than the defaults.
Network every_layer() {
  Network network;
  network.name = "all kinds";
  network.input = {3, 32, 64};
  network.preprocess = {.fit = image::Preprocess::Fit::kStretch,
                        .sampling = image::Preprocess::Sampling::kPixelCentres,
                        .border = .1F,
                        .bgr = true};
  network.classes = {"#10 кіт\n ", "dog \"2\", \xE2\x80\xA8~"};
  network.metadata = {{"metrics", {{"map50", .875}}}, {"epochs", 3}, {"none", nullptr}};
  Convolution first{.filters = 8,
                    .size = 3,
                    .stride = 2,
                    .padding = {0, 1, 2, 3},
                    .batch_norm = BatchNorm{1e-6F, true},
                    .activation = Activation::kMish};
  Yolo yolo;
  yolo.anchors = {{10, 14.3F}, {1.F / 3, 27}};
  yolo.mask = {1};
  yolo.classes = 2;
  yolo.scale_x_y = 1.05F;
  yolo.ignore_threshold = .6F;
  yolo.truth_threshold = .9F;
  yolo.box_code = BoxCode::kBounded;
  yolo.softmax = true;
  yolo.class_share = .4F;
  Convolution dilated{.filters = 6, .size = 3, .padding = Padding::all(2)};
  dilated.dilation = 2;
  network.layers = {
      {"first", first, {kNetworkInput}, {}},
      {"pool", MaxPool{2, 1, {0, 0, 1, 1}}, {0}, {}},
      {"sum", Shortcut{Activation::kRelu6}, {1, 0}, {}},
      {"half", Route{2, 1}, {2}, {}},
      {"up", Upsample{3}, {3}, {}},
      {"drop", Dropout{.15F}, {4}, {}},
      {"grouped", Convolution{.filters = 14, .groups = 2}, {5}, {}},
      {"region", Region{{{.5F, .7F}, {1, 2}}, 2, false}, {6}, {}},
      {"last", Convolution{.filters = 7, .activation = Activation::kSwish}, {5}, {}},
      {"yolo", yolo, {8}, {}},
      {"mean", AveragePool{}, {2}, {}},
      {"softmax", Softmax{}, {10}, {}},
      {"shuffle", Shuffle{4}, {2}, {}},
      {"smooth", Bilinear{3, Grid::kCorners}, {2}, {}},
      {"dilated", dilated, {1}, {}},
      {"window", AveragePool{3, 2, {1, 0, 1, 2}, true}, {1}, {}},
      {"slice", Slice{1, 5}, {2}, {}},
      {"squares", SpaceToDepth{3, SpaceToDepth::Order::kChannels}, {4}, {}},
      {"unequal", Shortcut{Activation::kElu, true}, {2, 14}, {}},
      {"product", Product{Activation::kHardSwish}, {2, 10}, {}},
      {"attention", Attention{2, 1, .25F}, {0}, {}},
      {"priors", Convolution{.filters = 14}, {0}, {}},
      {"ssd", Ssd{{{12, 20.5F}, {30, 31}}, 2, .2F, .3F}, {21}, {}},
      {"sure", Convolution{.filters = 12}, {0}, {}},
      {"sure ssd", Ssd{{{12, 20}, {30, 31}}, 2, .2F, .3F, true, true}, {23}, {}},
      {"strided ssd", Ssd{{{12, 20}, {30, 31}}, 2, .2F, .3F, true, false, 40, .25F}, {23}, {}}};
  infer_shapes(network);
  fill_weights(network);
  return network;
}

void expect_same(const Network& a, const Network& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.input, b.input);
  EXPECT_EQ(a.preprocess, b.preprocess);
  EXPECT_EQ(a.classes, b.classes);
  EXPECT_EQ(a.metadata, b.metadata);
  ASSERT_EQ(a.layers.size(), b.layers.size());
  for (std::size_t i = 0; i < a.layers.size(); ++i) EXPECT_EQ(a.layers[i], b.layers[i]) << i;
  ASSERT_EQ(a.weights.size(), b.weights.size());
  for (const auto& [name, tensor] : a.weights) {
    ASSERT_TRUE(b.weights.contains(name)) << name;
    EXPECT_EQ(tensor.shape, b.weights.at(name).shape);
    EXPECT_EQ(tensor.data.text(), b.weights.at(name).data.text()) << name;
  }
}

// A reader's error for some bytes, or "" if they are accepted.
template <typename Read>
std::string complaint(Read read) {
  try {
    read();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInput);
    return e.what();
  }
  return "";
}

Bytes file_with(const std::string& header, std::size_t data_bytes) {
  std::string file(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(file.data(), &length, sizeof length);
  return Bytes(std::string_view(file + header + std::string(data_bytes, '\1')));
}

std::string tensors_complaint(const std::string& header, std::size_t data_bytes) {
  return complaint([&] { read_safetensors(file_with(header, data_bytes), "f"); });
}

TEST(OkoFile, KeepsEverythingOfANetworkBitForBit) {
  const Network network = every_layer();
  const Weights extra = {{"ema/first.bias", Tensor::of({1, 2}, {2})},
                         {"state", {DType::kU8, {3}, Bytes(std::string_view("abc"))}}};
  const Bytes bytes(write_oko(network, extra));
  const OkoFile file = read_oko(bytes, "m.oko");
  expect_same(network, file.network);
  ASSERT_EQ(file.extra.size(), 2U);
  EXPECT_EQ(file.extra.at("state").data.text(), "abc");
  EXPECT_EQ(file.extra.at("state").dtype, DType::kU8);
  EXPECT_EQ(file.extra.at("ema/first.bias").floats()[1], 2);
  EXPECT_EQ(Bytes(write_oko(file.network, file.extra)).text(), bytes.text());
}

// Three consecutive convolutions, the first two of which are outputs.
Network headless() {
  Network network;
  network.name = "raw";
  network.input = {1, 4, 4};
  network.layers = {{"a", Convolution{.filters = 2, .batch_norm = BatchNorm{}}, {-1}, {}},
                    {"drop", Dropout{}, {0}, {}},
                    {"b", Convolution{.filters = 3}, {1}, {}},
                    {"c", Convolution{.filters = 1}, {2}, {}}};
  network.raw_outputs = {{2, "boxes/b"}, {1, "drop:0"}};
  infer_shapes(network);
  fill_weights(network);
  return network;
}

TEST(OkoFile, KeepsTheOutputsOfANetworkWithoutHeads) {
  const Network network = headless();
  EXPECT_EQ(network.outputs(), (std::vector<int>{2, 1}));
  const Network again = read_oko(Bytes(write_oko(network)), "m.oko").network;
  EXPECT_EQ(again.raw_outputs, network.raw_outputs);
}

TEST(InferenceForm, MovesTheOutputsWithTheirLayers) {
  const Network folded = inference_form(headless());
  ASSERT_EQ(folded.layers.size(), 3U);
  EXPECT_EQ(folded.raw_outputs, (std::vector<Output>{{1, "boxes/b"}, {0, "drop:0"}}));
}

TEST(OkoFile, KeepsHowBoxesAreSuppressed) {
  Network network = make_builtin("yolov3-tiny", {.classes = 2});
  for (const float exponent : {0.F, .6F}) {
    network.diou_exponent = exponent;
    EXPECT_EQ(network_from_json(network_to_json(network), "n").diou_exponent, exponent);
  }
  Json json = network_to_json(network);
  json["diou_exponent"] = -1;
  EXPECT_THAT(complaint([&] { network_from_json(json, "n"); }), HasSubstr("must be above 0"));
}

TEST(OkoFile, RejectsInvalidOutputs) {
  const auto with = [](std::vector<Output> outputs) {
    return complaint([&] {
      Network network = headless();
      network.raw_outputs = std::move(outputs);
      infer_shapes(network);
    });
  };
  EXPECT_THAT(with({{4, "x"}}), HasSubstr("the output 4 is not a layer"));
  EXPECT_THAT(with({{-1, "x"}}), HasSubstr("the output -1 is not a layer"));
  EXPECT_THAT(with({{1, "x"}, {1, "y"}}),
              HasSubstr("layer 1 (drop, dropout): the layer is an output twice"));
}

TEST(OkoFile, KeepsEveryBuiltinNetwork) {
  for (const std::string_view name : builtin_names()) {
    const Network network = make_builtin(name, {.classes = 2, .width = 64, .height = 96});
    expect_same(network, read_oko(Bytes(write_oko(network)), "m.oko").network);
  }
}

TEST(OkoFile, SharesTheFilesBytesAndAlignsThem) {
  const Network network = every_layer();
  const Bytes bytes(write_oko(network));
  const OkoFile file = read_oko(bytes, "m.oko");
  for (const auto& [name, tensor] : file.network.weights) {
    const auto offset = static_cast<std::size_t>(tensor.data.data() - bytes.data());
    ASSERT_LT(offset, bytes.size()) << name;
    const std::size_t n = tensor.data.size();
    EXPECT_EQ(offset % std::min<std::size_t>(64, n & (~n + 1)), 0U) << name;
  }
}

TEST(OkoFile, RejectsAFileTruncatedAnywhere) {
  const Bytes bytes(write_oko(every_layer()));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_THROW(read_oko(bytes.part(0, size), "m.oko"), Error) << size;
  }
  EXPECT_NO_THROW(read_oko(bytes, "m.oko"));
}

TEST(OkoFile, SurvivesAnyDamagedByte) {
  const Bytes bytes(write_oko(every_layer()));
  std::string text(bytes.text());
  Random random(3);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = text;
    damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    refused += !complaint([&] { read_oko(Bytes(std::string_view(damaged)), "m.oko"); }).empty();
  }
  EXPECT_GT(refused, 500);
}

TEST(OkoFile, VerifiesItsContentIfAsked) {
  const Bytes bytes(write_oko(every_layer()));
  const auto verified = [](std::string_view file) {
    return complaint([&] { read_oko(Bytes(file), "m.oko", Verify::kChecksum); });
  };
  EXPECT_EQ(verified(bytes.text()), "");
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  std::string damaged(bytes.text());
  for (std::size_t at = sizeof header + header; at < damaged.size(); at += 7) {
    damaged[at] ^= 1;
    ASSERT_THAT(verified(damaged), HasSubstr("does not match its checksum")) << at;
    ASSERT_EQ(complaint([&] { read_oko(Bytes(std::string_view(damaged)), "m.oko"); }), "");
    damaged[at] ^= 1;
  }
  const std::size_t text = damaged.find("all kinds");
  damaged[text] = 'A';
  EXPECT_THAT(verified(damaged), HasSubstr("does not match its checksum"));
}

// The values of docs/oko-file.md, computed by another program.
TEST(OkoFile, ChecksumAndHashAreThoseOfTheSpecification) {
  Network network;
  network.name = "n";
  network.input = {1, 4, 4};
  network.layers = {
      {"a", Convolution{.filters = 2, .size = 3, .padding = Padding::all(1)}, {-1}, {}}};
  infer_shapes(network);
  fill_weights(network);
  const Safetensors file = read_safetensors(Bytes(write_oko(network)), "m.oko");
  EXPECT_EQ(file.metadata.at("checksum"), "9fe7966950402427");
  EXPECT_EQ(file.metadata.at("hash"),
            "b365c07038ee95e3266ef165d20318375e18235d76cc2e0af126f66f99d8d640");
}

TEST(OkoFile, SaysWhatIsNotAModel) {
  Safetensors other{{{"x", Tensor::of({1}, {1})}}, {}};
  const auto says = [&] {
    return complaint([&] { read_oko(Bytes(write_safetensors(other)), "m"); });
  };
  EXPECT_THAT(says(), HasSubstr("__metadata__ has no \"format\""));
  other.metadata = {{"format", "pt"}};
  EXPECT_THAT(says(), HasSubstr("the format is \"pt\""));
  other.metadata = {{"format", "oko"}, {"version", "2"}};
  EXPECT_THAT(says(), HasSubstr("version \"2\""));
  other.metadata = {{"format", "oko"}, {"version", "1"}, {"network", "{\"name\": 3}"}};
  EXPECT_THAT(says(), HasSubstr("m: network: \"name\" must be a string"));
  other.metadata["network"] = "{";
  EXPECT_THAT(says(), HasSubstr("m: network@1: not valid JSON"));
}

TEST(OkoFile, NamesTheLayerOfAFaultyWeight) {
  Network network = every_layer();
  const Bytes bytes(write_oko(network));
  Safetensors file = read_safetensors(bytes, "m");
  file.tensors.erase("last.kernel");
  EXPECT_THAT(complaint([&] { read_oko(Bytes(write_safetensors(file)), "m"); }),
              HasSubstr("m: layer 8 (last, convolution): the weight last.kernel is missing"));
  network.weights.erase("last.kernel");
  EXPECT_THROW(write_oko(network), Error);
}

TEST(OkoFile, RejectsWritingWhatNoReaderAccepts) {
  Network network = make_builtin("yolov3-tiny", {.classes = 1});
  network.classes = {"caf\xe9"};
  EXPECT_THAT(complaint([&] { write_oko(network); }), HasSubstr("not valid UTF-8"));
  network.classes.clear();
  EXPECT_THAT(complaint([&] {
                write_oko(network, {{"layers.0.bias", Tensor::of({1}, {1})}});
              }),
              HasSubstr("already used by a weight"));
  EXPECT_THROW(write_oko(network, {{"__metadata__", Tensor::of({1}, {1})}}), Error);
}

TEST(Safetensors, ReadsTensorsInAnyOrderAndCopiesMisalignedOnes) {
  const Bytes bytes = file_with(R"({"b":{"dtype":"I32","shape":[1],"data_offsets":[1,5]},)"
                                R"("a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},)"
                                R"("e":{"dtype":"F32","shape":[0,7],"data_offsets":[5,5]}}   )",
                                5);
  const Safetensors file = read_safetensors(bytes, "f");
  ASSERT_EQ(file.tensors.size(), 3U);
  EXPECT_EQ(file.tensors.at("b").data.size(), 4U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.tensors.at("b").data.data()) % 4, 0U);
  EXPECT_EQ(file.tensors.at("a").count(), 1);
  EXPECT_EQ(file.tensors.at("e").count(), 0);
}

TEST(Safetensors, RejectsInconsistentHeaders) {
  EXPECT_THAT(tensors_complaint("[]", 0), HasSubstr("does not start with {"));
  EXPECT_THAT(tensors_complaint("", 0), HasSubstr("does not start with {"));
  EXPECT_THAT(tensors_complaint("{", 0), HasSubstr("not valid JSON"));
  EXPECT_THAT(tensors_complaint("{}", 1), HasSubstr("1 bytes at the end belong to no tensor"));
  EXPECT_THAT(tensors_complaint(R"({"__metadata__":{"a":1}})", 0), HasSubstr("must be a string"));
  const auto one = [](const char* type, const char* shape, const char* offsets) {
    return std::string(R"({"a":{"dtype":")") + type + R"(","shape":)" + shape +
           R"(,"data_offsets":)" + offsets + "}}";
  };
  EXPECT_EQ(tensors_complaint(one("U8", "[2,2]", "[0,4]"), 4), "");
  EXPECT_THAT(tensors_complaint(one("F8", "[4]", "[0,4]"), 4), HasSubstr("type F8"));
  EXPECT_THAT(tensors_complaint(one("U8", "[5]", "[0,4]"), 4),
              HasSubstr("the tensor a has 4 bytes, U8 [5] needs 5"));
  EXPECT_THAT(tensors_complaint(one("U8", "[-4]", "[0,4]"), 4), HasSubstr("non-negative integer"));
  EXPECT_THAT(tensors_complaint(one("U8", "[4294967296,4294967296]", "[0,4]"), 4),
              HasSubstr("too many elements"));
  EXPECT_THAT(tensors_complaint(one("U8", "[0,281474976710656,2]", "[0,0]"), 0),
              HasSubstr("too many elements"));
  EXPECT_THAT(tensors_complaint(one("U8", "[4]", "[1,4]"), 4), HasSubstr("has 3 bytes"));
  EXPECT_THAT(tensors_complaint(one("U8", "[3]", "[1,4]"), 4), HasSubstr("gap before the tensor"));
  EXPECT_THAT(tensors_complaint(one("U8", "[4]", "[0,4]"), 3), HasSubstr("data_offsets"));
  EXPECT_THAT(tensors_complaint(one("U8", "[4]", "[4,0]"), 4), HasSubstr("data_offsets"));
  EXPECT_THAT(tensors_complaint(one("U8", "[4]", "[0]"), 4), HasSubstr("data_offsets"));
  EXPECT_THAT(tensors_complaint(one("U8", "4", "[0,4]"), 4), HasSubstr("must be a list"));
}

TEST(Safetensors, RejectsOverlapsAndDuplicates) {
  const std::string entry = R"({"dtype":"U8","shape":[2],"data_offsets":)";
  EXPECT_THAT(tensors_complaint("{\"a\":" + entry + "[0,2]},\"b\":" + entry + "[1,3]}}", 3),
              HasSubstr("overlaps another"));
  EXPECT_THAT(tensors_complaint("{\"a\":" + entry + "[0,2]},\"b\":" + entry + "[0,2]}}", 2),
              HasSubstr("overlaps another"));
  EXPECT_THAT(tensors_complaint("{\"a\":" + entry + "[0,2]},\"a\":" + entry + "[0,2]}}", 2),
              HasSubstr("the name \"a\" appears twice"));
}

TEST(Safetensors, RejectsAnAbsurdHeaderLength) {
  for (const std::uint64_t length : {std::uint64_t{1} << 63, ~std::uint64_t{0},
                                     (std::uint64_t{16} << 20) + 1, std::uint64_t{100}}) {
    std::string file(40, ' ');
    std::memcpy(file.data(), &length, sizeof length);
    EXPECT_THROW(read_safetensors(Bytes(std::string_view(file)), "f"), Error) << length;
  }
}

}  // namespace
}  // namespace oko::graph
