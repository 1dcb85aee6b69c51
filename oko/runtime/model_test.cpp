#include "oko/runtime/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "oko/base/error.h"
#include "oko/runtime/executor.h"
#include "oko/runtime/quantize.h"
#include "oko/runtime/test_networks.h"

namespace oko::runtime {
namespace {

constexpr Precision kAll[] = {Precision::kFloat32, Precision::kFloat16, Precision::kInt8};

// With a convolution of every kind.
graph::Network network_of(int side = 8) {
  NetworkBuilder n({3, side, side});
  const int a = n.convolution(graph::kNetworkInput, 24), b = n.convolution(a, 24);
  const int c = n.depthwise(n.add(graph::Shortcut{}, {a, b}));
  n.head(n.convolution(n.add(graph::MaxPool{}, {n.convolution(c, 64)}), 64));
  graph::Network network = n.finish();
  const std::vector<std::vector<std::uint8_t>> pictures{
      std::vector<std::uint8_t>(static_cast<std::size_t>(network.input.count()), 99)};
  quantize(network, pictures, {}, [] {});
  return network;
}

std::vector<float> head_of(const std::shared_ptr<const Model>& model, int threads = 1) {
  Executor executor(model, threads);
  const auto input = random_numbers(executor.input().size(), 3);
  std::copy(input.begin(), input.end(), executor.input().begin());
  executor.run();
  const auto head = executor.heads().front();
  return {head.begin(), head.end()};
}

// Aligned like a memory-mapped file.
Bytes aligned(const std::vector<std::byte>& bytes, std::size_t offset = 0) {
  const std::shared_ptr<std::byte[]> memory = aligned_bytes(bytes.size() + offset);
  std::memcpy(memory.get() + offset, bytes.data(), bytes.size());
  return {memory, std::span(memory.get() + offset, bytes.size())};
}

// Bytes in plain C++ would be slower than floats.
TEST(Model, IsQuantizedByDefaultWhereBytesHaveKernels) {
  for (const SimdTarget target : simd_targets()) {
    const Precision precision = Model::make(network_of(), {{}, target})->plan().precision;
    EXPECT_EQ(precision, target == SimdTarget::kSse4 ? Precision::kFloat32 : Precision::kInt8)
        << name_of(target);
  }
}

TEST(Model, PackedWeightsOfEveryPrecisionGiveTheSameHeads) {
  const graph::Network network = network_of();
  for (const SimdTarget target : simd_targets()) {
    for (const Precision precision : kAll) {
      const ModelOptions options{precision, target};
      const auto made = Model::make(network, options);
      const auto again = Model::from_packed(network, options, aligned(made->packed()));
      ASSERT_NE(again, nullptr) << name_of(target) << word_of(precision);
      EXPECT_EQ(head_of(again), head_of(made)) << name_of(target) << word_of(precision);
    }
  }
}

TEST(Model, PackedWeightsOfAnotherModelAreNotUsed) {
  const graph::Network network = network_of();
  const ModelOptions options{Precision::kFloat32, best_simd_target()};
  const auto packed = Model::make(network, options)->packed();
  const auto taken = [&](const graph::Network& by, const ModelOptions& with, const Bytes& bytes) {
    return Model::from_packed(by, with, bytes) != nullptr;
  };
  EXPECT_TRUE(taken(network, options, aligned(packed)));
  EXPECT_FALSE(taken(network, {Precision::kFloat16, options.target}, aligned(packed)));
  EXPECT_FALSE(taken(network, {Precision::kInt8, options.target}, aligned(packed)));
  EXPECT_FALSE(taken(network_of(10), options, aligned(packed)));
  graph::Network other = network;
  std::vector<float> bias(24, 0);
  other.weights["l0.bias"] = graph::Tensor::of(bias, {24});
  EXPECT_FALSE(taken(other, options, aligned(packed)));
  graph::Network renamed = network;
  renamed.classes = {"thing"};
  EXPECT_TRUE(taken(renamed, options, aligned(packed)));
  graph::Network smoother = network;
  std::get<graph::Convolution>(smoother.layers[1].operation).batch_norm->epsilon *= 2;
  EXPECT_FALSE(taken(smoother, options, aligned(packed)));
  const ModelOptions bytes{Precision::kInt8, options.target};
  const auto packed_bytes = Model::make(network, bytes)->packed();
  EXPECT_TRUE(taken(network, bytes, aligned(packed_bytes)));
  for (const bool points : {false, true}) {
    graph::Network wider = network;
    Quantization ranges = *quantization_of(network);
    points ? ranges.layers.at("l1").points[3] *= 2 : ranges.layers.at("l0").output.high *= 2;
    set_quantization(wider, ranges);
    EXPECT_FALSE(taken(wider, bytes, aligned(packed_bytes)));
  }
  if (simd_targets().size() > 1) {
    EXPECT_FALSE(taken(network, {options.precision, SimdTarget::kScalar}, aligned(packed)));
  }
  EXPECT_FALSE(taken(network, options, aligned(packed, 4)));  // misaligned
  auto cut = packed;
  cut.pop_back();
  EXPECT_FALSE(taken(network, options, aligned(cut)));
  EXPECT_FALSE(taken(network, options, Bytes()));
}

TEST(Model, DamagedPackedWeightsAreNotUsed) {
  const graph::Network network = network_of();
  const ModelOptions options{Precision::kFloat32, best_simd_target()};
  const auto packed = Model::make(network, options)->packed();
  const auto taken = [&](const std::vector<std::byte>& bytes) {
    return Model::from_packed(network, options, aligned(bytes)) != nullptr;
  };
  ASSERT_TRUE(taken(packed));
  auto zeroed = packed;  // as left by a power cut: sizes reach the disk before contents
  std::fill(zeroed.begin() + kAlignment, zeroed.end(), std::byte{0});
  EXPECT_FALSE(taken(zeroed));
  // Every part of the header, among them the library's version and build, and what it packed.
  for (std::size_t i = 0; i < kAlignment; ++i) {
    auto other = packed;
    other[i] ^= std::byte{1};
    EXPECT_FALSE(taken(other)) << i;
  }
  for (std::size_t i = 0; i < packed.size(); i += 997) {
    auto flipped = packed;
    flipped[i] ^= std::byte{4};
    EXPECT_FALSE(taken(flipped)) << i;
  }
  auto last = packed;
  last.back() ^= std::byte{1};
  EXPECT_FALSE(taken(last));
}

TEST(Model, PackedWeightsReplaceOnlyTheirOwnKind) {
  const auto replaced = [](const std::vector<std::byte>& file) {
    return may_be_replaced(Bytes(file));
  };
  auto packed = Model::make(network_of(), {})->packed();
  EXPECT_TRUE(replaced(packed));
  packed.resize(20);  // cut
  EXPECT_TRUE(replaced(packed));
  EXPECT_TRUE(replaced({}));
  EXPECT_TRUE(replaced(std::vector<std::byte>(1000)));
  EXPECT_FALSE(replaced(std::vector<std::byte>(3, std::byte{'a'})));
  EXPECT_FALSE(replaced(std::vector<std::byte>(1000, std::byte{'a'})));
}

TEST(Model, DoesNotKeepTheNetworksWeights) {
  EXPECT_TRUE(Model::make(network_of(), {})->network().weights.empty());
}

TEST(Model, Float16TakesHalfOfTheMemory) {
  const graph::Network network = network_of();
  const auto bytes = [&](Precision precision) {
    return static_cast<double>(
        Model::make(network, {precision, best_simd_target()})->plan().weight_bytes);
  };
  EXPECT_LT(bytes(Precision::kFloat16), .56 * bytes(Precision::kFloat32));
}

#if !defined(__EMSCRIPTEN__)
TEST(Model, IsSharedByExecutorsInSeveralThreads) {
  for (const Precision precision : kAll) {
    const auto model = Model::make(network_of(), {precision, best_simd_target()});
    const std::vector<float> expected = head_of(model);
    std::vector<std::vector<float>> found(4);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < found.size(); ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 5; ++i) found[t] = head_of(model, 1 + static_cast<int>(t % 3));
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& head : found) EXPECT_EQ(head, expected);
  }
}
#endif

std::string refusal(const graph::Network& network, Precision precision = Precision::kFloat32) {
  try {
    Model::make(network, {precision, best_simd_target()});
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    return error.what();
  }
  return "nothing was rejected";
}

// A few bytes of a file can request any amount of memory. None of it is allocated here.
TEST(Model, RejectsTensorsThatWouldTakeAllMemory) {
  const auto from_input = [](const graph::Shape& input, const graph::Operation& operation) {
    NetworkBuilder n(input);
    n.head(n.add(operation, {graph::kNetworkInput}));
    return refusal(n.finish());
  };
  const graph::Convolution narrow{6, 1, 1, 1, {}, {}, graph::Activation::kLinear};
  EXPECT_NE(from_input({3, 16000, 16000}, narrow).find("MiB"), std::string::npos);
  graph::Convolution coarse = narrow;
  coarse.stride = 1024;
  EXPECT_NE(from_input({3, 26000, 26000}, coarse).find("the input"), std::string::npos);
  EXPECT_NE(from_input({7, 20, 20}, graph::Upsample{600}).find("MiB"), std::string::npos);

  NetworkBuilder heads({6, 1000, 1000});
  heads.head(heads.add(coarse, {graph::kNetworkInput}));
  for (int i = 0; i < 50; ++i) heads.head(graph::kNetworkInput);
  EXPECT_NE(refusal(heads.finish()).find("the heads"), std::string::npos);

  NetworkBuilder many({7, 1000, 1000});
  std::vector<int> maps;
  for (int i = 0; i < 50; ++i) maps.push_back(many.add(graph::MaxPool{1, 1, {}}, {-1}));
  many.head(many.add(graph::Shortcut{}, maps));
  EXPECT_NE(refusal(many.finish()).find("at one time"), std::string::npos);
}

TEST(Model, RejectsInt8SumsThatWouldOverflow) {
  NetworkBuilder n({3, 2, 2});
  const int wide = n.convolution(graph::kNetworkInput, 70000, 1);
  n.head(wide);
  graph::Network network = n.finish();
  Quantization quantization;
  quantization.method = "min-max";
  for (const graph::Layer& layer : network.layers) quantization.layers[layer.name] = {{0, 1}, {}};
  set_quantization(network, quantization);
  EXPECT_NE(refusal(network, Precision::kInt8).find("70000 products"), std::string::npos)
      << refusal(network, Precision::kInt8);
  EXPECT_EQ(refusal(network), "nothing was rejected");
}

TEST(Model, RejectsKernelsThatItsPrecisionCannotHold) {
  const auto spoiled = [](float number, Precision precision) {
    graph::Network network = network_of();
    graph::Tensor& scale = network.weights.at("l1.scale");  // batch norm makes the kernel too large
    std::vector<float> values(scale.floats().begin(), scale.floats().end());
    values[2] = number;
    scale = graph::Tensor::of(values, scale.shape);
    return refusal(network, precision);
  };
  constexpr const char* kPlace = "layer 1 (l1, convolution): the kernel has ";
  EXPECT_NE(spoiled(1e9F, Precision::kFloat16).find("float16 ends at 65504"), std::string::npos);
  for (const Precision precision : {Precision::kFloat16, Precision::kInt8}) {
    EXPECT_NE(spoiled(NAN, precision).find(kPlace), std::string::npos) << spoiled(NAN, precision);
  }
  EXPECT_EQ(spoiled(1e9F, Precision::kFloat32), "nothing was rejected");
  EXPECT_EQ(spoiled(1e9F, Precision::kInt8), "nothing was rejected");
}

TEST(Model, RejectsANetworkWithoutWeights) {
  graph::Network network = network_of();
  network.weights.clear();
  EXPECT_THROW(Model::make(network, {}), Error);
}

}  // namespace
}  // namespace oko::runtime
