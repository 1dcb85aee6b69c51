#include "oko/formats/decisions.h"

#include <gmock/gmock.h>

#include <cmath>

namespace oko::formats {
namespace {

using graph::Activation;
using ::testing::HasSubstr;
using ::testing::VariantWith;

// The message of a refusal; empty for a value.
template <typename T>
std::string refusal(const Decision<T>& decision) {
  const auto* no = std::get_if<Refusal>(&decision);
  return no == nullptr ? "" : no->message;
}

TEST(Decisions, TakeTheLeakySlopeAsFarAsFloat16HoldsIt) {
  EXPECT_THAT(decide::leaky_relu(.1F), VariantWith<Activation>(Activation::kLeaky));
  EXPECT_THAT(decide::leaky_relu(.09998F), VariantWith<Activation>(Activation::kLeaky));
  EXPECT_THAT(decide::leaky_relu(0), VariantWith<Activation>(Activation::kRelu));
  EXPECT_THAT(decide::leaky_relu(0, 6), VariantWith<Activation>(Activation::kRelu6));
  EXPECT_EQ(refusal(decide::leaky_relu(.2F)),
            "applies leaky ReLU with slope 0.2; oko supports only slope 0.1");
  EXPECT_EQ(refusal(decide::leaky_relu(.1F, 6)),
            "applies leaky ReLU with slope 0.1 and maximum 6; oko supports only slope 0.1 without "
            "a maximum");
  EXPECT_THAT(refusal(decide::leaky_relu(NAN)), HasSubstr("slope nan"));
  EXPECT_NE(refusal(decide::leaky_relu(.1F, NAN)), "");
}

TEST(Decisions, MakeReluOfClipping) {
  EXPECT_THAT(decide::clip(0, 6), VariantWith<Activation>(Activation::kRelu6));
  EXPECT_THAT(decide::clip(0, INFINITY), VariantWith<Activation>(Activation::kRelu));
  EXPECT_THAT(decide::clip(0, 1e30F), VariantWith<Activation>(Activation::kRelu));
  EXPECT_EQ(refusal(decide::clip(-1, 1)), "clips to -1…1; oko supports only 0…6");
  EXPECT_NE(refusal(decide::clip(0, NAN)), "");
}

TEST(Decisions, UpsampleByIntegers) {
  const auto is = [](const decide::Upsampling& settings) {
    return VariantWith<decide::Upsampling>(settings);
  };
  EXPECT_THAT(decide::upsample("nearest", 2, 2), is(graph::Upsample{2}));
  EXPECT_THAT(decide::upsample("nearest", 1024, 1024), is(graph::Upsample{1024}));
  EXPECT_THAT(decide::upsample("bilinear", 2, 2, graph::Grid::kCorners),
              is(graph::Bilinear{2, graph::Grid::kCorners}));
  EXPECT_EQ(refusal(decide::upsample("bilinear", 2, 2)),
            "interpolates (bilinear); oko supports only nearest neighbour here");
  EXPECT_EQ(refusal(decide::upsample("cubic", 2, 2, graph::Grid::kHalfPixel)),
            "interpolates (cubic); oko supports only nearest neighbour and bilinear");
  EXPECT_EQ(refusal(decide::upsample("nearest", 1.5, 2)),
            "scales by 1.5 x 2; oko supports only one integer factor");
  for (const double scale : {0., .5, 1.5, 1025., -2., double{NAN}, double{INFINITY}}) {
    EXPECT_NE(refusal(decide::upsample("nearest", scale, scale)), "") << scale;
  }
}

}  // namespace
}  // namespace oko::formats
