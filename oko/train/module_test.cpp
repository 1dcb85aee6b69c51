#include "oko/train/module.h"

#include <gtest/gtest.h>

#include "oko/graph/builtin.h"

namespace oko::train {
namespace {

// Multi-scale training feeds batches of sizes other than the network's own.
TEST(Module, AcceptsBatchesOfOtherSizes) {
  for (const char* name : {"yolov3-tiny", "yolo-fastest"}) {
    graph::BuiltinOptions options;
    options.classes = 2;
    options.width = options.height = 96;
    Module module(graph::make_builtin(name, options), at::kCPU, 1);
    const auto heads = module.forward(at::rand({2, 3, 160, 128}));
    ASSERT_EQ(heads.size(), 2u) << name;
    EXPECT_EQ(heads[0].sizes(), at::IntArrayRef({2, 21, 5, 4})) << name;
    EXPECT_EQ(heads[1].sizes(), at::IntArrayRef({2, 21, 10, 8})) << name;
  }
}

}  // namespace
}  // namespace oko::train
