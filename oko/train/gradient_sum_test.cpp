#include "oko/train/gradient_sum.h"

#include <gtest/gtest.h>

#include <array>

#include "oko/train/module.h"
#include "oko/train/test_support.h"
#include "oko/train/test_workers.h"

namespace oko::train {
namespace {

// The gradient of these images.
void go_back(Module& module, const at::Tensor& images) {
  const std::vector<at::Tensor> outputs = module.forward(images);
  torch::autograd::backward(outputs, {at::ones_like(outputs[0])});
}

class GradientSumTest : public testing::Test {
 protected:
  graph::Network network() const {
    graph::Network network = tiny_network();
    fill_weights(network, 7);
    return network;
  }
  static at::Tensor draw(int seed) {
    at::manual_seed(static_cast<std::uint64_t>(seed));
    return at::rand({2, 3, 64, 64});
  }
  at::Tensor gradient_of(int rank) const {
    Module module(network(), at::kCPU, 1);
    go_back(module, images_[rank]);
    return module.parameters().gradient().clone();
  }

  const std::array<at::Tensor, 2> images_{draw(0), draw(1)};  // of each worker
};

TEST_F(GradientSumTest, IsTheSumOfAll) {
  const at::Tensor expected = gradient_of(0) + gradient_of(1);
  as_workers(2, [&](ThreadWorkers& workers) {
    Module module(network(), at::kCPU, 1);
    GradientSum sum(module.parameters(), workers);
    sum.begin();
    go_back(module, images_[workers.rank()]);
    sum.finish();
    EXPECT_TRUE(at::equal(module.parameters().gradient(), expected));
    EXPECT_EQ(sum.bytes(), static_cast<std::int64_t>(expected.nbytes()));
  });
}

TEST_F(GradientSumTest, BeginsDuringTheBackwardPass) {
  as_workers(1, [&](ThreadWorkers& workers) {
    Module module(network(), at::kCPU, 1);
    GradientSum sum(module.parameters(), workers);
    EXPECT_EQ(sum.bucket_count(), 2U);  // kernels, the rest
    go_back(module, images_[0]);
    EXPECT_TRUE(workers.begun.empty());  // an update's earlier batch
    sum.begin();
    go_back(module, images_[0]);
    EXPECT_EQ(workers.begun.size(), 2U);
  });
}

TEST_F(GradientSumTest, OmitsFrozenLayers) {
  as_workers(2, [&](ThreadWorkers& workers) {
    Module module(network(), at::kCPU, 1);
    GradientSum sum(module.parameters(), workers);
    std::vector<bool> frozen(module.network().layers.size(), false);
    frozen[0] = frozen[1] = true;
    module.freeze(frozen);
    sum.set_frozen(frozen);
    sum.begin();
    go_back(module, images_[workers.rank()]);
    sum.finish();
    std::int64_t bytes = 0;
    for (const Parameter& p : module.parameters().parameters()) {
      if (!frozen[p.layer]) bytes += 4 * p.count;
    }
    EXPECT_EQ(sum.bytes(), bytes);
    const std::vector<at::Tensor> both = [&] {
      std::vector<at::Tensor> gradients;
      for (const at::Tensor& images : images_) {
        Module alone(network(), at::kCPU, 1);
        alone.freeze(frozen);
        go_back(alone, images);
        gradients.push_back(alone.parameters().gradient());
      }
      return gradients;
    }();
    EXPECT_TRUE(at::equal(module.parameters().gradient(), both[0] + both[1]));
  });
}

}  // namespace
}  // namespace oko::train
