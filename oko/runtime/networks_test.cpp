#include <gtest/gtest.h>

#include "oko/graph/reference.h"
#include "oko/runtime/executor.h"
#include "oko/runtime/test_networks.h"

namespace oko::runtime {
namespace {

#if defined(__x86_64__)
constexpr int kRandomNetworks = 200;
#else
constexpr int kRandomNetworks = 40;  // an emulator runs them
#endif

std::vector<std::vector<float>> heads_of(const std::shared_ptr<const Model>& model, int threads,
                                         std::span<const float> input) {
  Executor executor(model, threads);
  std::vector<std::vector<float>> heads;
  for (int run = 0; run < 2; ++run) {  // the second time nothing is zero any more
    std::copy(input.begin(), input.end(), executor.input().begin());
    executor.run();
    heads.clear();
    for (const auto head : executor.heads()) heads.emplace_back(head.begin(), head.end());
  }
  return heads;
}

// The largest difference, relative to the largest value of the tensor.
double relative_difference(std::span<const float> found, std::span<const double> expected) {
  if (found.size() != expected.size()) return INFINITY;
  double most = 0, size = 1e-3;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double difference = std::fabs(found[i] - expected[i]);
    if (!(difference <= most)) most = difference;  // NaN is kept
    size = std::max(size, std::fabs(expected[i]));
  }
  return most / size;
}

class Networks : public ::testing::TestWithParam<SimdTarget> {
 protected:
  void expect_as_defined(const graph::Network& network, std::uint64_t seed,
                         Precision precision = Precision::kFloat32, double share = 1e-4) const {
    const auto input = random_numbers(static_cast<std::size_t>(network.input.count()), seed);
    const auto expected = graph::Reference<double>(network).run(input);
    const auto model = Model::make(network, {precision, GetParam()});
    std::vector<std::vector<float>> first;
    for (const int threads : {1, 3}) {
      const auto heads = heads_of(model, threads, input);
      ASSERT_EQ(heads.size(), expected.size());
      for (std::size_t h = 0; h < heads.size(); ++h) {
        EXPECT_LT(relative_difference(heads[h], expected[h]), share)
            << "head " << h << ", " << threads << " threads";
      }
      if (threads > 1) {
        EXPECT_EQ(heads, first) << "the result depends on the number of threads";
      }
      first = heads;
    }
  }
};

TEST_P(Networks, FusedAndConcatenatedLayersMatchTheirDefinition) {
  for (const auto& [name, network] : fused_networks()) {
    SCOPED_TRACE(name);
    expect_as_defined(network, 1);
  }
}

TEST_P(Networks, WithFloat16WeightsMatchTheirDefinition) {
  for (const auto& [name, network] : fused_networks()) {
    SCOPED_TRACE(name);
    expect_as_defined(network, 1, Precision::kFloat16, 5e-3);
  }
}

TEST_P(Networks, RandomLayersMatchTheirDefinition) {
  for (int seed = 1; seed <= kRandomNetworks; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto number = static_cast<std::uint64_t>(seed);
    expect_as_defined(random_network(number), number);
    if (HasFailure()) break;
  }
}

// A diverged network must be distinguishable from a good one, whatever activations follow.
TEST_P(Networks, NanReachesTheHeads) {
  using graph::Activation;
  for (const Activation activation : {Activation::kLinear, Activation::kLeaky, Activation::kRelu,
                                      Activation::kRelu6, Activation::kMish}) {
    for (const int size : {1, 3}) {
      NetworkBuilder n({3, 16, 16});
      const int a = n.convolution(graph::kNetworkInput, 24, size, 1, activation);
      const int b = n.convolution(a, 24, size, 1, activation);
      n.head(n.convolution(n.depthwise(b), 24, size, 1, activation));
      graph::Network network = n.finish();
      network.weights["l0.bias"] = graph::Tensor::of(std::vector<float>(24, NAN), {24});
      const auto model = Model::make(network, {Precision::kFloat32, GetParam()});
      const auto input = random_numbers(3 * 16 * 16, 1);
      const auto heads = heads_of(model, 1, input);
      for (const float v : heads.front()) ASSERT_TRUE(std::isnan(v)) << v;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Networks,
                         ::testing::ValuesIn(tested_targets().begin(), tested_targets().end()),
                         [](const auto& test) { return std::string(name_of(test.param)); });

}  // namespace
}  // namespace oko::runtime
