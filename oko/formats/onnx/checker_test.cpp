#include <gtest/gtest.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>

#include <map>

#include "oko/formats/onnx.h"
#include "oko/runtime/test_weights.h"
#include "tests/support/reference_models.h"

// Checks what write_onnx() writes with the ONNX project's own checker and shape inference.
namespace oko::formats {
namespace {

std::vector<std::int64_t> shape_of(const ::onnx::ValueInfoProto& value) {
  std::vector<std::int64_t> shape;
  for (const auto& side : value.type().tensor_type().shape().dim()) {
    shape.push_back(side.has_dim_value() ? side.dim_value() : -1);
  }
  return shape;
}

// Checks the file, infers every shape from the input alone, and compares with the declared ones.
void expect_valid(const graph::Network& network, const WriteOptions& options) {
  const std::vector<File> files = write_onnx(network, options, "model");
  ::onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromArray(files[0].bytes.data(), static_cast<int>(files[0].bytes.size())));
  EXPECT_NO_THROW(::onnx::checker::check_model(model));
  std::map<std::string, std::vector<std::int64_t>> declared;
  for (auto& output : *model.mutable_graph()->mutable_output()) {
    declared[output.name()] = shape_of(output);
    output.mutable_type()->mutable_tensor_type()->clear_shape();
  }
  ::onnx::ShapeInferenceOptions strict;
  strict.check_type = true;
  strict.error_mode = 1;
  strict.enable_data_propagation = true;
  ASSERT_NO_THROW(
      ::onnx::shape_inference::InferShapes(model, ::onnx::OpSchemaRegistry::Instance(), strict));
  for (const auto& output : model.graph().output()) {
    EXPECT_EQ(shape_of(output), declared[output.name()]) << output.name();
  }
  std::size_t known = 0;
  for (const auto& value : model.graph().value_info())
    known += value.type().tensor_type().has_shape();
  EXPECT_GE(known + static_cast<std::size_t>(model.graph().output_size()),
            static_cast<std::size_t>(model.graph().node_size()));
}

void expect_valid_in_every_way(const graph::Network& network) {
  for (const bool boxes : {false, true}) {
    for (const bool float16 : {false, true}) {
      SCOPED_TRACE(std::string(boxes ? "boxes" : "raw heads") + (float16 ? ", float16" : ""));
      WriteOptions options;
      options.boxes = boxes;
      if (float16) options.precision = graph::Precision::kFloat16;
      options.info = {"finds cards", "somebody", "MIT", "1.2"};
      expect_valid(network, options);
    }
  }
}

TEST(OnnxChecker, AcceptsEveryPublishedModel) {
  if (reference::path_of("golden").empty()) GTEST_SKIP() << "set OKO_DATA";
  for (const auto& model : reference::golden_models()) {
    SCOPED_TRACE(model.name);
    const std::string base = reference::path_of("models/darknet") + "/" + model.name;
    expect_valid_in_every_way(reference::darknet_model(base + ".cfg", base + ".weights"));
  }
}

TEST(OnnxChecker, AcceptsYolov3AndTiny) {
  if (reference::path_of("golden").empty()) GTEST_SKIP() << "set OKO_DATA";
  for (const auto& model : reference::synthetic_models()) {
    SCOPED_TRACE(model.name);
    const graph::Network network = reference::synthetic_network(model);
    expect_valid(network, {});
    WriteOptions boxes;
    boxes.boxes = true;
    expect_valid(network, boxes);
  }
}

TEST(OnnxChecker, AcceptsEveryOperationAndActivation) {
  using graph::Activation;
  graph::Network network;
  network.name = "every";
  network.input = {3, 16, 16};
  const auto add = [&](std::string name, graph::Operation operation, std::vector<int> inputs) {
    network.layers.push_back({std::move(name), std::move(operation), std::move(inputs), {}});
    return static_cast<int>(network.layers.size()) - 1;
  };
  int last = graph::kNetworkInput;
  for (const Activation kind :
       {Activation::kLeaky, Activation::kLinear, Activation::kRelu, Activation::kRelu6,
        Activation::kLogistic, Activation::kMish, Activation::kSwish}) {
    last =
        add(graph::name_of(kind), graph::Convolution{8, 3, 1, 1, {0, 1, 2, 1}, {}, kind}, {last});
  }
  const int half = add("half", graph::MaxPool{2, 2, {0, 0, 1, 1}}, {last});
  const int part = add("part", graph::Route{2, 1}, {half});
  const int both = add("both", graph::Route{2, 0}, {half, part});
  const int sum = add("sum", graph::Shortcut{Activation::kMish}, {half, half, half});
  const int up = add("up", graph::Upsample{2}, {sum});
  const int mean = add("mean", graph::AveragePool{}, {up});
  const int soft = add("soft", graph::Softmax{}, {mean});
  const auto head = [](int filters) {
    return graph::Convolution{filters, 1, 1, 1, {}, {}, Activation::kLinear};
  };
  add("region", graph::Region{{{1, 2}}, 2, true}, {add("a", head(7), {both})});
  add("yolo", graph::Yolo{{{8, 9}, {5, 6}}, {1, 0}, 2, 1.1F}, {add("b", head(14), {soft})});
  expect_valid_in_every_way(runtime::with_weights(std::move(network), 5));
}

}  // namespace
}  // namespace oko::formats
