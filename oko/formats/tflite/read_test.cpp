// What converters make of layers, operator by operator.
#include <gmock/gmock.h>

#include "oko/base/error.h"
#include "oko/formats/tflite.h"
#include "oko/formats/tflite/test_lite.h"
#include "oko/graph/reference.h"

namespace oko::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Code = oko::tflite::Code;

Imported read(const LiteGraph& graph) { return read_tflite(graph.file(), "a.tflite"); }

// The values 0, 1, … of the input through the network.
std::vector<float> computed(const Imported& imported) {
  std::vector<float> input(static_cast<std::size_t>(imported.network.input.count()));
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i);
  return graph::Reference<float>(imported.network).run(input).at(0);
}

LiteGraph one_convolution() {
  LiteGraph g;
  g.output(g.convolution(g.input({1, 4, 4, 3}), {1, 4, 4, 5}, 3, 1, 2));
  return g;
}

TEST(TfliteReader, BuffersMayLieBehindTheTables) {
  const Imported plain = read(one_convolution());
  const Bytes file = one_convolution().file_with_buffers_behind();
  const Imported imported = read_tflite(file, "a.tflite");
  EXPECT_EQ(computed(imported), computed(plain));
  // A part of the model has them inside again.
  const TflitePart part = tflite_part(file, "a.tflite", imported.keys);
  EXPECT_EQ(computed(read_tflite(part.bytes, "part.tflite")), computed(plain));
  try {
    read_tflite(one_convolution().file_with_buffers_behind(4), "a.tflite");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("a buffer is at byte"));
  }
}

// A 3x3 convolution of every second pixel of 6 x 6, between operators that take these apart.
LiteGraph dilated(const std::vector<int>& added, const std::vector<int>& cut) {
  LiteGraph g;
  const int image = g.input({1, 6, 6, 1});
  const int block = g.integers({2, 2});
  const int apart =
      g.op(Code::SPACE_TO_BATCH_ND, {image, block, g.tensor_of({2, 2}, added)}, {4, 5, 5, 1});
  oko::tflite::Conv2DOptionsT options;
  options.padding = oko::tflite::Padding::VALID;
  options.stride_w = options.stride_h = 1;
  const std::vector<float> kernel{1, 2, 3, 4, 5, 6, 7, 8, 9};
  const int sums = g.op(Code::CONV_2D, {apart, g.floats({1, 3, 3, 1}, kernel), g.floats({1}, {3})},
                        {4, 3, 3, 1}, options);
  g.output(g.op(Code::BATCH_TO_SPACE_ND, {sums, block, g.tensor_of({2, 2}, cut)}, {1, 6, 6, 1}));
  return g;
}

TEST(TfliteReader, AConvolutionOfTakenApartPixelsIsDilated) {
  const Imported imported = read(dilated({2, 2, 2, 2}, {0, 0, 0, 0}));
  ASSERT_EQ(imported.network.layers.size(), 1U);
  const auto& c = std::get<graph::Convolution>(imported.network.layers[0].operation);
  EXPECT_EQ(c.dilation, 2);
  EXPECT_EQ(c.padding, graph::Padding::all(2));
  // Around row 2 and column 3, whose value is 15.
  float sum = 3;
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 3; ++x) {
      sum += static_cast<float>((3 * y + x + 1) * (15 + 12 * (y - 1) + 2 * (x - 1)));
    }
  }
  EXPECT_EQ(computed(imported)[15], sum);
  // What is cut off need not have been added.
  const Imported cut = read(dilated({2, 4, 2, 4}, {0, 2, 0, 2}));
  EXPECT_EQ(std::get<graph::Convolution>(cut.network.layers[0].operation), c);
  EXPECT_THROW(read(dilated({2, 2, 2, 2}, {1, 1, 1, 1})), Error);
}

// 3 x 3 pixels as 5 x 5.
LiteGraph resized(bool from_centres) {
  LiteGraph g;
  oko::tflite::ResizeNearestNeighborOptionsT options;
  options.half_pixel_centers = from_centres;
  g.output(g.op(Code::RESIZE_NEAREST_NEIGHBOR, {g.input({1, 3, 3, 2}), g.integers({5, 5})},
                {1, 5, 5, 2}, options));
  return g;
}

TEST(TfliteReader, NearestPixelsMayBeNoWholeMultiple) {
  const auto columns = [](bool from_centres) {
    const std::vector<float> values = computed(read(resized(from_centres)));
    EXPECT_EQ(values.size(), 50U);
    // The last row of the second channel.
    return std::vector<float>(values.end() - 5, values.end());
  };
  EXPECT_THAT(columns(false), ElementsAre(15, 15, 16, 16, 17));
  EXPECT_THAT(columns(true), ElementsAre(15, 15, 16, 17, 17));
}

// Two convolutions in bytes without functions, of which the first one's results are from `zero` on,
// and their sum with itself.
std::vector<graph::Activation> activations_of(float scale, std::int64_t zero, bool described) {
  LiteGraph g;
  const int image = g.as_bytes(g.input({1, 4, 4, 3}), 1.F / 255, 0);
  const int first = g.as_bytes(g.convolution(image, {1, 4, 4, 5}, 3, 1), scale, zero);
  const int sum = g.as_bytes(
      g.op(Code::ADD, {first, first}, {1, 4, 4, 5}, oko::tflite::AddOptionsT{}), 2 * scale, zero);
  g.output(g.as_bytes(g.convolution(sum, {1, 4, 4, 2}, 5, 1), 1, 0));
  if (described) {
    const std::string text = describe(read(one_convolution()).network);
    g.metadata(kDescriptionKey, {text.begin(), text.end()});
  }
  std::vector<graph::Activation> found;
  for (const graph::Layer& layer : read(g).network.layers) {
    if (const auto* c = std::get_if<graph::Convolution>(&layer.operation)) {
      found.push_back(c->activation);
    } else {
      found.push_back(std::get<graph::Shortcut>(layer.operation).activation);
    }
  }
  return found;
}

// As TensorFlow 1 writes ReLU6 of networks that it trained in bytes.
TEST(TfliteReader, BytesWithoutNegativeValuesImplyAReLU) {
  using graph::Activation;
  constexpr auto kLinear = Activation::kLinear;
  EXPECT_THAT(activations_of(6.F / 255, 0, false),
              ElementsAre(Activation::kRelu6, kLinear, kLinear));
  EXPECT_THAT(activations_of(12.F / 255, 0, false),
              ElementsAre(Activation::kRelu, kLinear, kLinear));
  // The sum is not negative where its terms are not, and the output leaves.
  EXPECT_THAT(activations_of(6.F / 255, 128, false), ElementsAre(kLinear, kLinear, kLinear));
  EXPECT_THAT(activations_of(6.F / 255, 0, true), ElementsAre(kLinear, kLinear, kLinear));
}

// Where the values of a kernel of two filters are: a dimension after the other.
struct SparseDimension {
  int size = 0;  // 0: those at `indices`
  std::vector<int> segments{}, indices{};
};
oko::tflite::SparsityT sparsity(const std::vector<SparseDimension>& dimensions,
                                const std::vector<int>& blocks = {}) {
  oko::tflite::SparsityT result;
  result.blocks = blocks;
  for (const SparseDimension& from : dimensions) {
    result.order.push_back(static_cast<int>(result.order.size()));
    auto& to = *result.dimensions.emplace_back(std::make_unique<oko::tflite::DimensionT>());
    to.size = from.size;
    if (from.size != 0) continue;
    to.format = oko::tflite::DimensionFormat::SPARSE;
    oko::tflite::IntsT segments;
    segments.values = from.segments;
    to.segments.Set(std::move(segments));
    oko::tflite::BytesT indices;
    indices.values.assign(from.indices.begin(), from.indices.end());
    to.indices.Set(std::move(indices));
  }
  return result;
}

// The two filters' kernels, [2, 1, 1, channels].
std::vector<float> kernel_of(int channels, const std::vector<float>& stored,
                             const oko::tflite::SparsityT& sparsity) {
  LiteGraph g;
  const std::vector<int> shape{2, 1, 1, channels};
  const int kernel = g.op(Code::DENSIFY, {g.sparse(shape, stored, sparsity)}, shape);
  oko::tflite::Conv2DOptionsT options;
  options.padding = oko::tflite::Padding::VALID;
  options.stride_w = options.stride_h = 1;
  g.output(g.op(Code::CONV_2D, {g.input({1, 4, 4, channels}), kernel, g.floats({2}, {0, 0})},
                {1, 4, 4, 2}, options));
  const Imported imported = read(g);
  const auto values =
      imported.network.weights.at(imported.network.layers[0].name + ".kernel").floats();
  return {values.begin(), values.end()};
}

TEST(TfliteReader, ValuesThatAreNotInTheFileAreZeros) {
  const SparseDimension one{1};
  EXPECT_THAT(kernel_of(3, {5, 6, 7}, sparsity({{2}, one, one, {0, {0, 1, 3}, {1, 0, 2}}})),
              ElementsAre(0, 5, 0, 6, 0, 7));
  // Blocks of two channels, side by side.
  const auto blocks = sparsity({{2}, one, one, {0, {0, 1, 2}, {1, 0}}, {2}}, {3});
  EXPECT_THAT(kernel_of(4, {1, 2, 3, 4}, blocks), ElementsAre(0, 0, 1, 2, 3, 4, 0, 0));
}

TEST(TfliteReader, SparseValuesThatDoNotFitAreRefused) {
  const SparseDimension one{1};
  const std::vector<oko::tflite::SparsityT> wrong{
      sparsity({{2}, one, one, {0, {0, 1, 3}, {1, 0, 3}}}),  // an index past the end
      sparsity({{2}, one, one, {0, {0, 3, 1}, {1, 0, 2}}}),  // segments that fall
      sparsity({{2}, one, one, {0, {0, 1}, {1, 0, 2}}}),     // a segment too few
      sparsity({{2}, one, one, {0, {0, 1, 9}, {1, 0, 2}}}),  // more than there are indices
      sparsity({{3}, one, one, {0, {0, 1, 2, 3}, {1, 0, 2}}}),
      sparsity({{2}, one, one}),
      sparsity({{2}, one, one, {3}}),  // all six
      sparsity({{2}, one, one, {0, {0, 1, 2}, {1, 0}}, {2}}, {3}),
      sparsity({{2}, one, one, {0, {0, 1, 2}, {1, 0}}, {0, {0}, {}}}, {9}),
  };
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    try {
      kernel_of(3, {5, 6, 7}, wrong[i]);
      FAIL() << i;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("has wrong sparse values")) << i;
    }
  }
}

TEST(TfliteReader, AMaximumOfAllPixelsIsAPool) {
  LiteGraph g;
  oko::tflite::ReducerOptionsT options;
  options.keep_dims = true;
  const int image = g.input({1, 4, 4, 2});
  const int most = g.op(Code::REDUCE_MAX, {image, g.integers({1, 2})}, {1, 1, 1, 2}, options);
  g.output(g.convolution(most, {1, 1, 1, 3}, 2, 1));
  const Imported imported = read(g);
  EXPECT_EQ(imported.network.layers[0].operation, graph::Operation(graph::MaxPool{4, 4, {}}));
  EXPECT_FLOAT_EQ(computed(imported)[0], .25F + 31.F / 64);  // 0 · 15 + 31 / 64 and the bias
}

}  // namespace
}  // namespace oko::formats
