#include <gmock/gmock.h>

#include "oko/base/error.h"
#include "oko/formats/onnx.h"
#include "oko/formats/onnx/test_graph.h"

namespace oko::formats {
namespace {

using ::testing::HasSubstr;
using Sides = std::vector<std::int64_t>;

std::string error_of(const Bytes& file) {
  try {
    read_onnx(file, "a.onnx");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// image → conv, 4 filters → what `more` adds to the tensor "conv".
std::string error_of(const std::function<void(TestGraph&)>& more, int opset = 13) {
  TestGraph graph(opset);
  graph.input();
  graph.convolution("conv", "image", 3, 4);
  more(graph);
  return error_of(graph.file());
}

Bytes good_file() {
  TestGraph graph;
  graph.input();
  return graph.output(graph.convolution("conv", "image", 3, 4)).file();
}

TEST(OnnxBadFiles, TheIntactFileIsAccepted) { EXPECT_EQ(error_of(good_file()), "no error"); }

TEST(OnnxBadFiles, TransformersAreCalledSo) {
  const std::string error = error_of([](TestGraph& graph) {
    // What oko does not know before it is not what matters.
    graph.to.node("Erf", "other", {"conv"});
    graph.to.node("GridSample", "sampled", {"other", graph.weights("grid", {1, 8, 8, 2})});
    graph.output("sampled");
  });
  EXPECT_THAT(error, HasSubstr("sampled (GridSample): is part of a transformer"));
}

TEST(OnnxBadFiles, EmptyForeignAndTruncatedFiles) {
  EXPECT_THAT(error_of(Bytes()), HasSubstr("a.onnx: contains no graph of ONNX nodes"));
  EXPECT_THAT(error_of(Bytes(std::string_view("GIF89a no model at all"))),
              HasSubstr("is not an ONNX model or is damaged: its 22 bytes"));
  const Bytes whole = good_file();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(error_of(whole.part(0, size)), "no error") << size;
  }
}

TEST(OnnxBadFiles, EmptyMessagesThatWouldFillMemory) {
  std::string parts;
  for (int i = 0; i < 4'000'000; ++i) parts += std::string("\x0a\x00", 2);  // nodes
  std::string file = "\x3a";                                                // the graph
  for (std::size_t n = parts.size(); n > 0; n >>= 7) {
    file += static_cast<char>((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
  }
  EXPECT_THAT(error_of(Bytes(std::string_view(file + parts))), HasSubstr("so many empty messages"));
}

TEST(OnnxBadFiles, WeightsOfTheWrongSize) {
  const auto with = [](const std::function<void(onnx::Tensor&)>& change) {
    TestGraph graph;
    graph.input();
    graph.output(graph.convolution("conv", "image", 3, 4));
    change(*graph.model.mutable_graph()->mutable_initializer(0));
    return error_of(graph.file());
  };
  EXPECT_THAT(
      with([](auto& t) { t.set_dims(0, 1 << 30); }),
      HasSubstr("conv.w (initializer): has 432 bytes of data, but the shape [1073741824, 3, "
                "3, 3] needs another number"));
  EXPECT_THAT(with([](auto& t) { t.set_dims(0, -4); }), HasSubstr("needs another number"));
  EXPECT_THAT(with([](auto& t) { t.set_data_location(1); }),
              HasSubstr("its data is in another file (save the model in one file"));
  EXPECT_THAT(with([](auto& t) { t.set_data_type(16); }),
              HasSubstr("of ONNX type 16, which is not supported"));
  EXPECT_THAT(with([](auto& t) {
                (*t.mutable_raw_data())[2] = '\x80', (*t.mutable_raw_data())[3] = '\x7f';
              }),
              HasSubstr("conv (Conv): the kernel contains a value that is not finite"));
  EXPECT_THAT(with([](auto& t) { t.set_dims(2, 9), t.set_dims(3, 1); }),
              HasSubstr("conv (Conv): the kernel is 9x1; oko needs square ones"));
  EXPECT_THAT(with([](auto& t) { t.set_dims(0, 3), t.set_dims(1, 4); }),
              HasSubstr("the kernel is F32 [3, 4, 3, 3], it should be F32 [3, 3, 3, 3]"));
}

TEST(OnnxBadFiles, InputsThatAreNotAnImage) {
  const auto with = [](const Sides& shape) {
    TestGraph graph;
    graph.input(shape);
    graph.output(graph.convolution("conv", "image", 3, 4));
    return error_of(graph.file());
  };
  EXPECT_THAT(
      with({1, 3, -1, -1}),
      HasSubstr("image (input): the height is not fixed (set the size that it was trained for, "
                "such as --size 640x640"));
  EXPECT_THAT(with({8, 3, 8, 8}), HasSubstr("takes 8 images at once"));
  EXPECT_THAT(with({1, 3}), HasSubstr("has no input of four dimensions"));
  EXPECT_THAT(with({1, 3, 1 << 19, 1 << 19}), HasSubstr("too large"));
  EXPECT_EQ(with({-1, 3, 8, 8}), "no error");
}

TEST(OnnxBadFiles, UnsupportedSettings) {
  const auto strided = [](const char* name, const Sides& values) {
    return error_of([&](TestGraph& g) {
      g.to.node("Conv", "second", {"conv", g.weights("w", {2, 4, 3, 3})});
      g.to.set(name, values);
      g.output("second");
    });
  };
  EXPECT_THAT(strided("strides", {1, 2}), HasSubstr("second (Conv): strides is [1, 2]"));
  EXPECT_THAT(strided("dilations", {2, 1}), HasSubstr("second (Conv): dilations is [2, 1]"));
  EXPECT_THAT(strided("pads", {-1, 0, 0, 0}), HasSubstr("padding -1 is not in 0…1024"));
  EXPECT_THAT(error_of([](TestGraph& g) {
                g.to.node("AveragePool", "mean", {"conv"});
                g.to.set("kernel_shape", Sides{3, 3}).set("dilations", Sides{2, 2});
                g.output("mean");
              }),
              HasSubstr("mean (AveragePool): it is dilated, which oko supports only for conv"));
  EXPECT_THAT(strided("pads", {1, 1}), HasSubstr("pads is [1, 1]"));
  EXPECT_THAT(error_of([](TestGraph& g) {
                g.to.node("LeakyRelu", "leaky", {"conv"});
                g.output("leaky");
              }),
              HasSubstr("leaky (LeakyRelu): applies leaky ReLU with slope 0.01; oko supports"));
  EXPECT_THAT(error_of([](TestGraph& g) {
                g.to.node("MaxPool", "pool", {"conv"});
                g.to.set("kernel_shape", Sides{3, 3}).set("strides", Sides{2, 2});
                g.to.set("ceil_mode", std::int64_t{1});
                g.output("pool");
              }),
              HasSubstr("ceil_mode enlarges its output"));
  EXPECT_THAT(error_of([](TestGraph& g) {
                g.to.node("Resize", "up", {"conv", "", g.to.floats("s", {1, 1, 2, 2}, {4})});
                g.to.set("mode", "cubic");
                g.output("up");
              }),
              HasSubstr("up (Resize): interpolates (cubic); oko supports only nearest neighbour"));
  EXPECT_THAT(error_of([](TestGraph& g) {
                g.to.node("Resize", "up", {"conv", "", g.to.floats("s", {1, 1, 1.5F, 1.5F}, {4})});
                g.output("up");
              }),
              HasSubstr("scales by 1.5 x 1.5; oko"));
}

TEST(OnnxBadFiles, UnsupportedOperationsInTheMiddle) {
  EXPECT_THAT(error_of([](TestGraph& g) {
                g.to.node("Sin", "wave", {"conv"});
                g.output(g.convolution("last", "wave", 4, 2));
              }),
              HasSubstr("wave (Sin): this operation is not supported; last (Conv) depends on it "
                        "(replace it before exporting"));
  EXPECT_THAT(
      error_of([](TestGraph& g) {
        g.to.node("Div", "gate", {"conv", g.convolution("other", "image", 3, 4)});
        g.output(g.convolution("last", "gate", 4, 2));
      }),
      HasSubstr("gate (Div): combines two tensors by Div, which is not supported; last (Conv)"));
  EXPECT_THAT(error_of([](TestGraph& g) {
                g.to.node("ConvTranspose", "grow", {"conv", g.weights("w", {4, 2, 2, 2})});
                g.output("grow");
              }),
              HasSubstr("grow (ConvTranspose): this operation is not supported"));
}

TEST(OnnxBadFiles, GraphsThatAreWiredWrongly) {
  EXPECT_THAT(error_of([](TestGraph& g) { g.output("nothing"); }),
              HasSubstr("its outputs do not depend on any network layer"));
  EXPECT_THAT(
      error_of([](TestGraph& g) {
        g.to.node("Relu", "relu", {"later"});
        g.output("relu");
      }),
      HasSubstr("relu (Relu): input 1 should be a tensor of the network, but \"later\" is not"));
  EXPECT_THAT(error_of([](TestGraph& g) { g.output("conv"); }, 6),
              HasSubstr("uses ONNX opset 6; oko reads 7 and newer"));
  EXPECT_THAT(error_of([](TestGraph& g) {
                g.to.node("Concat", "both", {"conv", g.to.node("MaxPool", "half", {"conv"})});
                g.output("both");
              }),
              HasSubstr("half (MaxPool): lacks kernel_shape"));
}

TEST(OnnxBadFiles, DescriptionsThatDoNotFit) {
  TestGraph graph;
  graph.input();
  graph.output(graph.convolution("conv", "image", 3, 4));
  onnx::Entry& entry = *graph.model.add_metadata_props();
  entry.set_key("oko");
  entry.set_value("{\"layers\": 3}");
  EXPECT_THAT(error_of(graph.file()), HasSubstr("a.onnx: metadata \"oko\""));
}

}  // namespace
}  // namespace oko::formats
