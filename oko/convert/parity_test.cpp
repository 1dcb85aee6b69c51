#include "oko/convert/parity.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "oko/base/error.h"
#include "oko/convert/reference.h"
#include "oko/graph/builtin.h"
#include "oko/graph/fold.h"
#include "oko/graph/synthetic.h"

namespace oko::convert {
namespace {

using ::testing::SizeIs;

graph::Network small_tiny() {
  graph::Network network =
      graph::make_builtin("yolov3-tiny", {.classes = 2, .width = 64, .height = 64});
  graph::fill_synthetic_weights(network);
  return network;
}

std::vector<std::vector<float>> one_input(const graph::Network& network) {
  std::vector<float> input(static_cast<std::size_t>(network.input.count()));
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i % 97) / 97;
  return {input};
}

TEST(Parity, EngineAndReferenceAgree) {
  const graph::Network network = small_tiny();
  const auto engine = make_engine_executor(network);
  const auto plain = make_reference_executor(graph::inference_form(network));
  const Parity parity = compare(network, *engine, *plain, one_input(network));
  EXPECT_TRUE(parity.agrees());
  EXPECT_THAT(parity.outputs, SizeIs(2));
  EXPECT_GT(parity.outputs[0].magnitude, 0);
  EXPECT_EQ(parity.first_layer, "");
}

TEST(Parity, NamesTheFirstLayerThatDiffers) {
  const graph::Network network = small_tiny();
  graph::Network other = network;
  const std::string name = network.layers[8].name;  // a convolution in the middle
  graph::Tensor& kernel = other.weights.at(name + ".kernel");
  std::vector<float> values(kernel.floats().begin(), kernel.floats().end());
  values[7] += 3;
  kernel = graph::Tensor::of(std::move(values), kernel.shape);
  const auto first = make_reference_executor(network), second = make_reference_executor(other);
  const Parity parity = compare(network, *first, *second, one_input(network));
  EXPECT_FALSE(parity.agrees());
  EXPECT_EQ(parity.first_layer, name);
  EXPECT_GT(parity.first_layer_difference, 1e-3F);
}

// Returns preset outputs.
class Fixed : public Executor {
 public:
  explicit Fixed(std::vector<std::vector<float>> maps) : maps_(std::move(maps)) {}
  std::string name() const override { return "fixed"; }
  std::vector<std::vector<float>> run(std::span<const float>) override { return maps_; }

 private:
  std::vector<std::vector<float>> maps_;
};

TEST(Parity, PairsOutputsOfAnotherOrderBySize) {
  const graph::Network network = small_tiny();
  const auto plain = make_reference_executor(network);
  const auto inputs = one_input(network);
  auto maps = plain->run(inputs[0]);
  std::ranges::reverse(maps);
  Fixed turned(maps);
  EXPECT_TRUE(compare(network, *plain, turned, inputs).agrees());
  maps.pop_back();
  Fixed fewer(maps);
  EXPECT_THROW(compare(network, *plain, fewer, inputs), Error);
}

TEST(Parity, NotANumberNeverAgrees) {
  const graph::Network network = small_tiny();
  const auto plain = make_reference_executor(network);
  const auto inputs = one_input(network);
  auto maps = plain->run(inputs[0]);
  maps[1][3] = std::numeric_limits<float>::quiet_NaN();
  Fixed broken(maps);
  const Parity parity = compare(network, *plain, broken, inputs);
  EXPECT_TRUE(parity.outputs[0].agrees);
  EXPECT_FALSE(parity.outputs[1].agrees);
}

TEST(Parity, InfiniteNumbersNeverAgree) {
  const graph::Network network = small_tiny();
  const auto inputs = one_input(network);
  auto maps = make_reference_executor(network)->run(inputs[0]);
  Fixed finite(maps);
  maps[0][5] = std::numeric_limits<float>::infinity();
  Fixed infinite(maps);
  EXPECT_FALSE(compare(network, infinite, finite, inputs).agrees());
  EXPECT_FALSE(compare(network, finite, infinite, inputs).agrees());
}

TEST(CompareBoxes, UsesEachBoxOnce) {
  const detect::Detection box{1, .9F, {0, 0, 10, 10}}, other{0, .9F, {0, 0, 10, 10}};
  const std::vector<detect::Detection> two{box, box}, mixed{box, other};
  const BoxAgreement agreement = compare_boxes(two, mixed);
  EXPECT_EQ(agreement.matched, 1);
  EXPECT_EQ(agreement.first, 2);
  EXPECT_FLOAT_EQ(agreement.lowest_iou, 1);
}

}  // namespace
}  // namespace oko::convert
