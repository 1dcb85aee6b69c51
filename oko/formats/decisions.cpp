#include "oko/formats/decisions.h"

#include <fmt/format.h>

#include <algorithm>

namespace oko::formats {

using graph::Activation;

namespace {

constexpr float kSlopeError = 1e-4F;  // 0.1 in float16 is 0.09998
constexpr float kUnbounded = 1e30F;   // what some formats write instead of infinity
constexpr double kMaxScale = 1024;

}  // namespace

Decision<Activation> decide::leaky_relu(float slope, float most) {
  if (slope == 0) return clip(0, most);
  const bool bounded = !(most >= kUnbounded);
  if (!bounded && std::fabs(slope - graph::kLeakySlope) < kSlopeError) return Activation::kLeaky;
  return Refusal{fmt::format("applies leaky ReLU with slope {:g}{}; oko supports only slope 0.1{}",
                             slope, bounded ? fmt::format(" and maximum {:g}", most) : "",
                             bounded ? " without a maximum" : ""),
                 "train with ReLU, ReLU6 or LeakyReLU(0.1)"};
}

Decision<Activation> decide::hard_sigmoid(float slope, float offset) {
  if (std::fabs(slope - 1.F / 6) < kSlopeError && offset == .5F) return Activation::kHardSigmoid;
  return Refusal{
      fmt::format("is a hard sigmoid of {:g} x + {:g}; oko supports only x/6 + 0.5", slope, offset),
      "use the one of MobileNetV3"};
}

Decision<Activation> decide::elu(float alpha) {
  if (alpha == 1) return Activation::kElu;
  return Refusal{fmt::format("is an ELU with alpha {:g}; oko supports only 1", alpha), ""};
}

Decision<Activation> decide::clip(float low, float high) {
  if (low == 0 && high == 6) return Activation::kRelu6;
  if (low == 0 && high >= kUnbounded) return Activation::kRelu;
  return Refusal{fmt::format("clips to {:g}…{:g}; oko supports only 0…6", low, high), "use ReLU6"};
}

Decision<decide::Upsampling> decide::upsample(const std::string& mode, double rows, double columns,
                                              std::optional<graph::Grid> grid) {
  const bool bilinear = mode == "bilinear" && grid;
  if (mode != "nearest" && !bilinear) {
    return Refusal{"interpolates (" + mode + "); oko supports only nearest neighbour" +
                       (mode == "bilinear" ? " here" : " and bilinear"),
                   "use nearest-neighbour upsampling"};
  }
  if (bilinear && grid == graph::Grid::kHalfPixel && rows == .5 && columns == .5) {
    return graph::AveragePool{2, 2};
  }
  if (rows == columns && rows == std::floor(rows) && rows >= 1 && rows <= kMaxScale) {
    const int scale = static_cast<int>(rows);
    if (bilinear) return graph::Bilinear{scale, *grid};
    return graph::Upsample{scale};
  }
  return Refusal{
      fmt::format("scales by {:g} x {:g}; oko supports only one integer factor", rows, columns),
      fmt::format("use the same factor from 1 to {:g} for rows and columns", kMaxScale)};
}

graph::Padding same_padding(const graph::Shape& input, int size, int stride, OddPixel odd) {
  const auto all = [&](int side) {
    const int outputs = (side - 1) / stride + 1;
    return std::max(0, (outputs - 1) * stride + size - side);
  };
  const int rows = all(input.height), columns = all(input.width);
  const int less = rows / 2, fewer = columns / 2;
  if (odd == OddPixel::kStart) return {rows - less, columns - fewer, less, fewer};
  return {less, fewer, rows - less, columns - fewer};
}

}  // namespace oko::formats
