#include "oko/train/unfold.h"

#include <gmock/gmock.h>

#include "oko/dataset/read.h"
#include "oko/graph/fold.h"
#include "oko/train/module.h"
#include "oko/train/setup_steps.h"
#include "oko/train/test_run.h"

namespace oko::train {
namespace {

using ::testing::HasSubstr;

// A network whose batch norm is folded, as exported models have it, and images.
class Unfold : public Training {
 protected:
  Unfold() {
    graph::Network network = tiny_network();
    fill_weights(network, 3);
    folded_ = graph::inference_form(network);
    make_squares(dataset_);
    images_ = dataset::read(dataset_, {});
    recipe_.threads = 1;
    recipe_.device = "cpu";
  }

  static at::Tensor output_of(const graph::Network& network, bool is_trained) {
    Module module(network, at::kCPU, 1);
    module.freeze(std::vector<bool>(network.layers.size(), !is_trained));
    at::manual_seed(4);
    const at::NoGradGuard no_grad;
    return module.forward(at::rand({4, 3, kSide, kSide}))[0];
  }

  graph::Network unfolded() {
    BatchNorms norms(folded_.layers.size());
    for (const int layer : {0, 1, 2}) norms[layer] = graph::BatchNorm{};
    graph::Network network = folded_;
    unfold_batch_norms(network, norms, images_, recipe_);
    return network;
  }

  graph::Network folded_;
  dataset::Dataset images_;
  Recipe recipe_;
};

TEST_F(Unfold, NetworkComputesWhatItDid) {
  ASSERT_FALSE(folded_.weights.contains("layers.0.scale"));
  const graph::Network network = unfolded();
  EXPECT_NO_THROW(graph::check_weights(network));
  const at::Tensor before = output_of(folded_, false), after = output_of(network, false);
  EXPECT_LT((before - after).abs().max().item<float>(), 1e-4F * before.abs().max().item<float>());
}

TEST_F(Unfold, ScaleAndVarianceAreThoseOfTheOutput) {
  const graph::Network network = unfolded();
  for (const int layer : {0, 1, 2}) {
    const std::string name = network.layers[layer].name;
    const auto variance = network.weights.at(name + ".variance").floats();
    const auto scale = network.weights.at(name + ".scale").floats();
    for (std::size_t c = 0; c < variance.size(); ++c) {
      EXPECT_GT(variance[c], 0);
      EXPECT_NEAR(scale[c] * scale[c], variance[c] + 1e-5, 1e-4 * variance[c]);
    }
  }
}

TEST_F(Unfold, TrainingStartsFromAnExportedModel) {
  Recipe r = recipe(2);
  storage::write(folder_ / "folded.oko", graph::write_oko(folded_));
  r.from = folder_ / "folded.oko";
  run(r, "tuned");
  EXPECT_THAT(
      progress_.lines,
      ::testing::Contains(HasSubstr("the batch norms of 3, folded there, measured on 20 images")));
  const graph::Network model = this->model("tuned");
  EXPECT_TRUE(model.weights.contains("layers.0.scale"));
  const auto epochs = events("tuned", "epoch");
  ASSERT_EQ(epochs.size(), 2U);
  EXPECT_LT(epochs[1]["train"]["loss"].get<double>(), epochs[0]["train"]["loss"].get<double>());
}

}  // namespace
}  // namespace oko::train
