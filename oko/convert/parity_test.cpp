#include "oko/convert/parity.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "oko/base/error.h"
#include "oko/convert/head_executor.h"
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

// The network's first head from two outputs of a file, in another order and after sigmoids.
TEST(WithHeads, PutsPartsInOrderAndUndoesWhatTheyPassed) {
  const graph::Network network = small_tiny();
  const auto plain = make_reference_executor(network);
  const auto inputs = one_input(network);
  const auto maps = plain->run(inputs[0]);
  const std::size_t plane = maps[0].size() / 21;
  const auto first = maps[0].begin() + static_cast<std::ptrdiff_t>(4 * plane);
  std::vector<float> sides(maps[0].begin(), first), rest(first, maps[0].end());
  for (float& value : rest) value = 1 / (1 + std::exp(-value));
  const auto count = [](int begin, int end) {
    std::vector<int> channels;
    for (int i = begin; i < end; ++i) channels.push_back(i);
    return channels;
  };
  using formats::Passed;
  const std::vector<std::vector<formats::HeadPart>> parts{
      {{"sides", count(0, 4), Passed::kNothing}, {"rest", count(0, 17), Passed::kSigmoid}},
      {{"other", count(0, 21), Passed::kNothing}}};
  const auto made = [&] {
    return with_heads(std::make_unique<Fixed>(std::vector{maps[1], rest, sides}),
                      {"other", "rest", "sides"}, network, parts);
  };
  const Parity parity = compare(network, *plain, *made(), inputs);
  EXPECT_TRUE(parity.agrees());
  EXPECT_LT(parity.outputs[0].difference, 1e-5F);
  rest[5] = rest[5] > .5F ? rest[5] - .1F : rest[5] + .1F;
  EXPECT_FALSE(compare(network, *plain, *made(), inputs).agrees());
}

TEST(AfterPassing, AppliesSoftmaxesToTheirChannelsOnly) {
  using formats::Passed;
  const std::vector<float> values{5, 6, 0, 1, std::log(3.F), 1};  // three channels of two cells
  const auto passed = after_passing(values, {Passed::kNothing, Passed::kSoftmax, Passed::kSoftmax});
  ASSERT_THAT(passed, SizeIs(6));
  EXPECT_FLOAT_EQ(passed[0], 5);
  EXPECT_FLOAT_EQ(passed[2], .25F);
  EXPECT_FLOAT_EQ(passed[3], .5F);
  EXPECT_FLOAT_EQ(passed[4], .75F);
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
