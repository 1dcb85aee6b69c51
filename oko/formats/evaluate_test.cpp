#include "oko/formats/evaluate.h"

#include <gmock/gmock.h>

#include <cmath>

namespace oko::formats {
namespace {

using graph::Tensor;
using ::testing::ElementsAre;
using Sides = std::vector<std::int64_t>;

Tensor floats(std::vector<float> values, Sides shape) {
  return Tensor::of(std::move(values), std::move(shape));
}

// The first result's values; empty if there is none.
std::vector<float> result_of(Operation operation, const std::vector<Tensor>& inputs,
                             const Sides& shape) {
  for (const Tensor& input : inputs) operation.inputs.push_back(&input);
  const auto results = evaluate(operation, 1 << 20);
  if (!results) return {};
  EXPECT_EQ(results->front().shape, shape);
  return {results->front().floats().begin(), results->front().floats().end()};
}

TEST(Evaluate, BroadcastsArithmetic) {
  const Tensor column = floats({1, 2}, {2, 1}), row = floats({10, 20, 30}, {3});
  EXPECT_THAT(result_of({"Add"}, {column, row}, {2, 3}), ElementsAre(11, 21, 31, 12, 22, 32));
  EXPECT_THAT(result_of({"Pow"}, {row, floats({2}, {})}, {3}), ElementsAre(100, 400, 900));
  EXPECT_THAT(result_of({"Add"}, {row, floats({1, 2}, {2})}, {}), ElementsAre());
}

TEST(Evaluate, MovesValues) {
  const Tensor six = floats({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_THAT(result_of({"Transpose", {{"perm", {1, 0}}}}, {six}, {3, 2}),
              ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(
      result_of({"Slice", {{"starts", {-1}}, {"ends", {-9}}, {"axes", {1}}, {"steps", {-2}}}},
                {six}, {2, 2}),
      ElementsAre(3, 1, 6, 4));
  EXPECT_THAT(result_of({"Concat", {{"axis", {1}}}}, {six, floats({7, 8}, {2, 1})}, {2, 4}),
              ElementsAre(1, 2, 3, 7, 4, 5, 6, 8));
  EXPECT_THAT(result_of({"Expand", {{"shape", {2, 2}}}}, {floats({1, 2}, {2, 1})}, {2, 2}),
              ElementsAre(1, 1, 2, 2));
  const Operation split{"Split", {{"axis", {1}}, {"split", {1, 2}}}, {}, {&six}};
  const auto parts = evaluate(split, 1 << 20);
  ASSERT_TRUE(parts);
  EXPECT_THAT((*parts)[1].floats(), ElementsAre(2, 3, 5, 6));
}

TEST(Evaluate, ComputesSumsAndShares) {
  const Tensor map = floats({0, std::log(3.F), 1, 1}, {2, 2});
  EXPECT_THAT(result_of({"Softmax", {{"axis", {1}}}}, {map}, {2, 2}),
              ElementsAre(.25F, .75F, .5F, .5F));
  EXPECT_THAT(result_of({"MatMul"}, {floats({1, 2}, {1, 2}), floats({3, 4}, {2, 1})}, {1, 1}),
              ElementsAre(11));
  EXPECT_THAT(
      result_of({"Conv"}, {floats({1, 2, 3, 4}, {1, 2, 1, 2}), floats({10, 1}, {1, 2, 1, 1})},
                {1, 1, 1, 2}),
      ElementsAre(13, 24));
  EXPECT_THAT(result_of({"ReduceMax", {{"axes", {-1}}, {"keepdims", {0}}}}, {map}, {2}),
              ElementsAre(std::log(3.F), 1));
}

TEST(Evaluate, RefusesWhatDoesNotFit) {
  const Tensor six = floats({1, 2, 3, 4, 5, 6}, {2, 3});
  for (const Operation& wrong :
       {Operation{"Unheard"}, Operation{"Reshape", {{"shape", {4, 2}}}},
        Operation{"Transpose", {{"perm", {0, 0}}}}, Operation{"Split", {{"split", {1, 4}}}},
        Operation{"Squeeze", {{"axes", {1}}}}, Operation{"Tile"},
        Operation{"Gather", {{"indices", {2}}}}}) {
    EXPECT_THAT(result_of(wrong, {six}, {}), ElementsAre()) << wrong.kind;
  }
  const Operation large{"Expand", {{"shape", {1 << 20, 2, 3}}}, {}, {&six}};
  EXPECT_FALSE(evaluate(large, 1 << 20));
  EXPECT_FALSE(evaluate({"Add", {}, {}, {nullptr}}, 1 << 20));
}

}  // namespace
}  // namespace oko::formats
