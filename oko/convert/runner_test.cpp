#include "oko/convert/runner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "oko/base/random.h"
#include "oko/convert/parity.h"
#include "oko/convert/read.h"
#include "oko/graph/oko_file.h"
#include "oko/graph/synthetic.h"
#include "tests/support/reference_models.h"

namespace oko::convert {
namespace {

// A published file beside what oko made of it: the file is run by an independent program, and its
// outputs are several, after sigmoids, or in another order than the heads.
class Recognized : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string path = reference::path_of(std::string("models/modern/") + GetParam());
    if (path.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
    file_ = open_model(path, "");
  }
  static ModelFiles as_oko(const graph::Network& network) {
    return {formats::find_format("oko"), {{"model.oko", Bytes(graph::write_oko(network))}}};
  }
  static Parity compared(const std::pair<Runner, Runner>& runners) {
    const graph::Network& network = runners.first.network;
    std::vector<std::vector<float>> inputs(1);
    std::vector<float>& input = inputs.front();
    input.resize(static_cast<std::size_t>(network.input.count()));
    Random random(7);
    for (std::size_t i = 0; i < input.size(); ++i) {
      const int channel = static_cast<int>(i * 3 / input.size());
      input[i] = network.preprocess.normalized(static_cast<float>(random.uniform(0, 1)), channel);
    }
    ParityOptions options;
    options.thresholds.score = .01F;
    return compare(network, *runners.first.executor, *runners.second.executor, inputs, options);
  }
  ModelFiles file_;
};

TEST_P(Recognized, AnImportIsComparedWithItsFile) {
  const graph::Network network = read_model(file_).network;
  ASSERT_FALSE(network.heads().empty());
  const ModelFiles own = as_oko(network);
  const auto runners = runners_of(own, file_);
  if (!runners.second.note.empty()) GTEST_SKIP() << runners.second.note;
  const Parity parity = compared(runners);
  EXPECT_TRUE(parity.agrees());
  EXPECT_EQ(parity.outputs.size(), network.heads().size());
  EXPECT_EQ(parity.boxes.matched, parity.boxes.first);
  EXPECT_EQ(parity.boxes.matched, parity.boxes.second);
  // A head that is off is noticed after the sigmoids too.
  graph::Network wrong = network;
  for (auto& [name, tensor] : wrong.weights) {
    std::vector<float> values(tensor.floats().begin(), tensor.floats().end());
    for (float& value : values) value *= 1.01F;
    tensor = graph::Tensor::of(std::move(values), tensor.shape);
  }
  const ModelFiles wrong_files = as_oko(wrong);
  EXPECT_FALSE(compared(runners_of(wrong_files, file_)).agrees());
}

TEST_P(Recognized, WithoutHeadsItsOwnOutputsAreCompared) {
  formats::ReadOptions raw;
  raw.raw_outputs = true;
  const graph::Network network = read_model(file_, raw).network;
  ASSERT_TRUE(network.heads().empty());
  const ModelFiles own = as_oko(network);
  const auto runners = runners_of(file_, own);
  if (!runners.first.note.empty()) GTEST_SKIP() << runners.first.note;
  const Parity parity = compared(runners);
  EXPECT_TRUE(parity.agrees());
  EXPECT_EQ(parity.outputs.size(), network.outputs().size());
}

INSTANTIATE_TEST_SUITE_P(Modern, Recognized,
                         ::testing::Values("yolox_nano.onnx", "FastestDet.onnx"));

// Nine maps without a sigmoid could be anything's: the user said that it is a YOLOX.
TEST(Runners, AFileThatWasImportedWithAFamilyIsReadAsIt) {
  graph::Network network;
  network.input = {3, 64, 64};
  for (const int stride : {8, 16, 32}) {
    for (const int values : {4, 1, 2}) {
      const int index = static_cast<int>(network.layers.size());
      const std::string name = "map" + std::to_string(index);
      network.layers.push_back(
          {name,
           graph::Convolution{values, 1, stride, 1, {}, {}, graph::Activation::kLinear},
           {graph::kNetworkInput},
           {}});
      network.raw_outputs.push_back({index, name});
    }
  }
  graph::infer_shapes(network);
  graph::fill_synthetic_weights(network);
  const formats::Format& onnx = *formats::find_format("onnx");
  ModelFiles file{&onnx, onnx.write(network, {}, "m").files};
  formats::ReadOptions options;
  EXPECT_TRUE(read_model(file, options).network.heads().empty());
  options.heads.decoding = formats::Family::kYoloX;
  const graph::Network made = read_model(file, options).network;
  ASSERT_EQ(made.heads().size(), 3U);
  const ModelFiles own{formats::find_format("oko"), {{"model.oko", Bytes(graph::write_oko(made))}}};
  const auto [first, second] = runners_of(own, file);
  EXPECT_EQ(second.network.heads().size(), 3U);
  const std::vector<std::vector<float>> inputs{std::vector<float>(3 * 64 * 64, .5F)};
  EXPECT_TRUE(compare(first.network, *first.executor, *second.executor, inputs).agrees());
}

}  // namespace
}  // namespace oko::convert
