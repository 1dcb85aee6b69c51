#include "oko/graph/about.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "oko/base/error.h"
#include "oko/graph/oko_file.h"
#include "oko/graph/synthetic.h"

namespace oko::graph {
namespace {

using ::testing::HasSubstr;

// A detector with two classes.
Network detector() {
  Network network;
  network.name = "n";
  network.input = {1, 4, 4};
  network.classes = {"cat", "dög"};
  network.layers = {
      {"a", Convolution{.filters = 7, .size = 3, .padding = Padding::all(1)}, {-1}, {}},
      {"b", Yolo{{{2.5F, 3}}, {0}, 2}, {0}, {}}};
  infer_shapes(network);
  fill_synthetic_weights(network);
  return network;
}

OkoFile written(const Network& network, Precision precision = Precision::kFloat32) {
  return read_oko(Bytes(write_oko(network, {}, precision)), "m.oko", Verify::kChecksum);
}

std::string complaint(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(About, TravelsWithTheFile) {
  Network network = detector();
  set_info(network, {"finds pets", "Leaf Ltd", "MIT", "1.4.0"});
  set_trained(network, 1'750'000'000);
  set_thresholds(network, {.31F, .5F});
  const std::string hash = content_hash(network);
  set_measured(network, {.9, .6, "pets", "val", 120, hash}, {{"best_f1", .8}});
  const OkoFile file = written(network);
  const About found = about(file.network);
  EXPECT_EQ(found.info, (Info{"finds pets", "Leaf Ltd", "MIT", "1.4.0"}));
  EXPECT_EQ(found.trained, 1'750'000'000);
  EXPECT_EQ(found.thresholds, (std::vector<float>{.31F, .5F}));
  ASSERT_TRUE(found.measured);
  EXPECT_EQ(found.measured->map50, .9);
  EXPECT_EQ(found.measured->map, .6);
  EXPECT_EQ(found.measured->dataset, "pets");
  EXPECT_EQ(found.measured->split, "val");
  EXPECT_EQ(found.measured->images, 120);
  EXPECT_EQ(found.measured->hash, file.hash);
  EXPECT_EQ(file.network.metadata["metrics"]["best_f1"], .8);
  EXPECT_EQ(file.checksum.size(), 16U);
}

TEST(About, IsEmptyInFilesThatSayNothing) {
  const About found = about(written(detector()).network);
  EXPECT_EQ(found.info, Info{});
  EXPECT_EQ(found.trained, 0);
  EXPECT_FALSE(found.measured);
  EXPECT_TRUE(found.thresholds.empty());
}

TEST(About, IsReplacedWithoutTouchingTensors) {
  for (const Precision precision : {Precision::kFloat32, Precision::kFloat16, Precision::kInt8}) {
    const Bytes bytes(write_oko(detector(), {}, precision));
    Network network = read_oko(bytes, "m").network;
    set_thresholds(network, {.31F, .5F});
    const Bytes again(with_metadata(bytes, "m", network.metadata));
    const OkoFile file = read_oko(again, "m", Verify::kChecksum);
    EXPECT_EQ(about(file.network).thresholds, (std::vector<float>{.31F, .5F}));
    EXPECT_EQ(file.hash, read_oko(bytes, "m").hash);
    const Weights before = read_safetensors(bytes, "m").tensors;
    const Weights after = read_safetensors(again, "m").tensors;
    ASSERT_EQ(after.size(), before.size());
    for (const auto& [name, tensor] : before) {
      EXPECT_EQ(after.at(name).dtype, tensor.dtype) << name;
      EXPECT_EQ(after.at(name).data.text(), tensor.data.text()) << name;
    }
    EXPECT_EQ(Bytes(with_metadata(again, "m", Json::object())).text(), bytes.text());
  }
  EXPECT_THROW(with_metadata(Bytes(write_oko(detector())), "m", {{"thresholds", 1}}), Error);
}

// What only informs must not keep a model from opening.
TEST(About, TakesUsableMetricsOnly) {
  Network network = detector();
  network.metadata["metrics"] = {{"map50", nullptr}, {"map", "much"},  {"pictures", 1.5},
                                 {"dataset", 3},     {"split", "val"}, {"hash", "abc"}};
  network.metadata["training"] = {{"time", "yesterday"}};
  const About found = about(written(network).network);
  EXPECT_EQ(found.trained, 0);
  ASSERT_TRUE(found.measured);
  EXPECT_EQ(found.measured->map50, 0);
  EXPECT_EQ(found.measured->map, 0);
  EXPECT_EQ(found.measured->images, 0);
  EXPECT_EQ(found.measured->dataset, "");
  EXPECT_EQ(found.measured->split, "val");
  EXPECT_EQ(found.measured->hash, "");
  network.metadata["metrics"] = "good";
  network.metadata["training"] = 7;
  EXPECT_FALSE(about(written(network).network).measured);
}

TEST(About, RejectsThresholdsThatAreNotOneForEachClass) {
  const auto says = [](const Json& thresholds) {
    Network network = detector();
    Safetensors file = read_safetensors(Bytes(write_oko(network)), "m");
    Json json = parse_json(file.metadata["network"], "m");
    json["metadata"]["thresholds"] = thresholds;
    file.metadata["network"] = json.dump();
    network.metadata["thresholds"] = thresholds;
    const std::string writer = complaint([&] { write_oko(network); });
    const std::string reader = complaint([&] { read_oko(Bytes(write_safetensors(file)), "m"); });
    EXPECT_EQ(reader, writer.empty() ? "" : "m: " + writer);
    return writer;
  };
  EXPECT_EQ(says({0, 1}), "");
  EXPECT_THAT(says({.5}), HasSubstr("n: thresholds: must be a list with one number for each of"));
  EXPECT_THAT(says({.5, .5, .5}), HasSubstr("each of the 2 classes"));
  EXPECT_THAT(says({{"cat", .5}, {"dog", .5}}), HasSubstr("must be a list"));
  EXPECT_THAT(says({.5, 1.01}), HasSubstr("has 1.01, which is not a number from 0 to 1"));
  EXPECT_THAT(says({-.1, .5}), HasSubstr("has -0.1"));
  EXPECT_THAT(says({.5, nullptr}), HasSubstr("has null"));
  EXPECT_THAT(says({.5, "1"}), HasSubstr("not a number"));
}

TEST(About, RejectsTextsThatAreTooLong) {
  Network network = detector();
  Info info;
  info.version = std::string(kLongestInfo, 'x');
  set_info(network, info);
  EXPECT_EQ(about(written(network).network).info, info);
  info.version += 'x';
  set_info(network, info);
  EXPECT_THAT(complaint([&] { write_oko(network); }), HasSubstr("\"version\" is longer than 4096"));
  network.metadata["info"] = {{"version", 2}};
  EXPECT_THAT(complaint([&] { write_oko(network); }), HasSubstr("\"version\" must be a string"));
}

TEST(About, LosesThresholdsWithItsClasses) {
  Network network = detector();
  set_thresholds(network, {.1F, .2F});
  set_class_count(network, 2);
  EXPECT_EQ(about(network).thresholds.size(), 2U);
  set_class_count(network, 3);
  EXPECT_TRUE(about(network).thresholds.empty());
}

TEST(ContentHash, ChangesWithWhatIsFound) {
  const std::string hash = written(detector()).hash;
  EXPECT_EQ(hash, content_hash(detector()));
  const auto changed = [&](const std::function<void(Network&)>& change) {
    Network network = detector();
    change(network);
    infer_shapes(network);
    const OkoFile file = written(network);
    EXPECT_EQ(file.hash, content_hash(file.network));
    return file.hash != hash;
  };
  EXPECT_FALSE(changed([](Network& n) { n.name = "other"; }));
  EXPECT_FALSE(changed([](Network& n) { n.metadata["training"]["epoch"] = 3; }));
  EXPECT_FALSE(changed([](Network& n) { set_info(n, {.version = "2"}); }));
  EXPECT_FALSE(changed([](Network& n) { set_thresholds(n, {.1F, .2F}); }));
  EXPECT_TRUE(changed([](Network& n) { n.classes[1] = "wolf"; }));
  EXPECT_TRUE(changed([](Network& n) { n.preprocess.bgr = true; }));
  EXPECT_TRUE(changed([](Network& n) { n.input.width = 8; }));
  EXPECT_TRUE(changed([](Network& n) { std::get<Yolo>(n.layers[1].operation).scale_x_y = 1.1F; }));
  EXPECT_TRUE(changed([](Network& n) { n.metadata["quantization"] = {{"method", "x"}}; }));
  EXPECT_TRUE(changed([](Network& n) {
    n.weights["a.bias"] = Tensor::of({1, 2, 3, 4, 5, 6, 7}, {7});
  }));
}

// A reader computes it from what it has, which compact kernels change.
TEST(ContentHash, IsThatOfTheWeightsThatAreRead) {
  for (const Precision precision : {Precision::kFloat16, Precision::kInt8}) {
    const OkoFile file = written(detector(), precision);
    EXPECT_EQ(file.hash, content_hash(file.network));
    EXPECT_NE(file.hash, content_hash(detector()));
    EXPECT_EQ(written(file.network).hash, file.hash);  // stored as float32 it is the same model
  }
}

TEST(ContentHash, IsNotInCheckpointsAndOldFiles) {
  const Network network = detector();
  const Weights extra = {{"state", Tensor::of({1}, {1})}};
  EXPECT_EQ(read_oko(Bytes(write_oko(network, extra)), "m").hash, "");
  Safetensors old = read_safetensors(Bytes(write_oko(network)), "m");
  old.metadata.erase("hash");
  old.metadata.erase("checksum");
  const OkoFile file = read_oko(Bytes(write_safetensors(old)), "m");
  EXPECT_EQ(file.hash, "");
  EXPECT_EQ(file.checksum, "");
  for (const std::string& wrong : {std::string(), std::string(63, 'a'), std::string(64, 'A')}) {
    old.metadata["hash"] = wrong;
    EXPECT_THAT(complaint([&] { read_oko(Bytes(write_safetensors(old)), "m"); }),
                HasSubstr("m: \"hash\" in __metadata__ is not 64 lower-case hexadecimal digits"));
  }
}

}  // namespace
}  // namespace oko::graph
