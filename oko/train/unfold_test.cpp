#include "oko/train/unfold.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "oko/dataset/read.h"
#include "oko/graph/builtin.h"
#include "oko/graph/fold.h"
#include "oko/train/module.h"
#include "oko/train/setup_steps.h"
#include "oko/train/test_run.h"
#include "oko/train/transfer.h"
#include "tests/support/reference_models.h"

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

  static at::Tensor output_of(const graph::Network& network) {
    Module module(network, at::kCPU, 1);
    module.freeze(std::vector<bool>(network.layers.size(), true));
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
  const at::Tensor before = output_of(folded_), after = output_of(network);
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

TEST_F(Unfold, WithoutImagesTheNetworkIsTheSameToo) {
  images_ = {};
  const at::Tensor before = output_of(folded_), after = output_of(unfolded());
  EXPECT_LT((before - after).abs().max().item<float>(), 1e-4F * before.abs().max().item<float>());
}

// The published file with its batch norm restored in the built-in network, against ncnn's output:
// rows of cells with 80 scores and 32 bins.
TEST_F(Unfold, PublishedNetworkComputesWhatNcnnComputed) {
  OKO_REFERENCE_DATA(file, "models/modern/nanodet-plus-m-416.param");
  graph::Network network = graph::make_builtin("nanodet-plus", {});
  images_.samples.resize(2);
  const Transfer transfer = load_pretrained(network, file, images_, recipe_);
  ASSERT_EQ(transfer.convolutions, transfer.of);
  ASSERT_EQ(transfer.unfolded, 106);
  const std::string golden = reference::path_of("golden/nanodet-plus-m-416");
  std::vector<float> input = reference::read_floats(golden + "/dog_input_3x416x416.f32");
  const auto rows = reference::read_floats(golden + "/dog_output_3598x112.f32");
  Module module(network, at::kCPU, 1);
  module.freeze(std::vector<bool>(network.layers.size(), true));
  const c10::InferenceMode inference;
  std::size_t row = 0;
  float worst_score = 0, worst_bin = 0;
  for (const at::Tensor& head :
       module.forward(at::from_blob(input.data(), {1, 3, 416, 416}, at::kFloat))) {
    const at::Tensor map = head.contiguous();
    const std::int64_t cells = map.size(2) * map.size(3);
    for (std::int64_t cell = 0; cell < cells; ++cell, ++row) {
      for (std::int64_t c = 0; c < 112; ++c) {
        const float value = map.data_ptr<float>()[c * cells + cell];
        const float expected = rows[row * 112 + static_cast<std::size_t>(c)];
        if (c < 80) {
          worst_score = std::max(worst_score, std::abs(1 / (1 + std::exp(-value)) - expected));
        } else {
          worst_bin = std::max(worst_bin, std::abs(value - expected));
        }
      }
    }
  }
  EXPECT_EQ(row, 3598U);
  EXPECT_LT(worst_score, 1e-3F);
  EXPECT_LT(worst_bin, 2e-2F);
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
