#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "oko/detect/decode.h"
#include "oko/formats/onnx.h"
#include "oko/formats/test_heads.h"
#include "oko/graph/builtin.h"
#include "oko/graph/fold.h"
#include "oko/graph/synthetic.h"
#include "oko/runtime/test_weights.h"

// The nodes that decode boxes, computed by the evaluator of readers, against detect::decode().
namespace oko::formats {
namespace {

// Every box with every class: what NonMaxSuppression gets.
std::vector<detect::Detection> candidates(const Imported& imported,
                                          const std::vector<std::vector<float>>& maps,
                                          std::int64_t classes) {
  std::vector<detect::Detection> found;
  const std::vector<graph::Tensor> tensors = imported.tail(maps);
  const graph::Tensor *boxes = nullptr, *scores = nullptr;
  for (const graph::Tensor& tensor : tensors) {
    if (tensor.shape.size() != 3) continue;
    const bool is_scores = tensor.shape[1] == classes;
    if (is_scores && (scores == nullptr || tensor.count() > scores->count())) scores = &tensor;
    const bool is_boxes = tensor.shape[2] == 4;
    if (is_boxes && (boxes == nullptr || tensor.count() > boxes->count())) boxes = &tensor;
  }
  EXPECT_TRUE(boxes != nullptr && scores != nullptr);
  if (boxes == nullptr || scores == nullptr) return found;
  EXPECT_EQ(scores->shape[2], boxes->shape[1]);
  const auto count = static_cast<std::size_t>(boxes->shape[1]);
  for (std::size_t c = 0; c < static_cast<std::size_t>(classes); ++c) {
    for (std::size_t i = 0; i < count; ++i) {
      const float* edges = boxes->floats().data() + 4 * i;
      found.push_back({static_cast<int>(c),
                       scores->floats()[c * count + i],
                       {edges[0], edges[1], edges[2], edges[3]}});
    }
  }
  return found;
}

bool near(const detect::Detection& a, const detect::Detection& b) {
  const auto same = [](float x, float y) { return std::fabs(x - y) < 1e-3F; };
  return a.class_id == b.class_id && std::fabs(a.score - b.score) < 1e-5F &&
         same(a.box.left, b.box.left) && same(a.box.top, b.box.top) &&
         same(a.box.right, b.box.right) && same(a.box.bottom, b.box.bottom);
}

void expect_same_boxes(graph::Network network) {
  graph::fill_synthetic_weights(network);
  network = graph::inference_form(network);
  const Imported imported = read_onnx(write_onnx(network, {.boxes = true}, "m")[0].bytes, "m.onnx");
  ASSERT_EQ(imported.network.outputs(), network.outputs());
  std::vector<std::vector<float>> maps;
  unsigned seed = 3;
  for (const int head : network.heads()) {
    const auto count = static_cast<std::size_t>(network.layers[head].output.count());
    maps.push_back(runtime::random_numbers(count, ++seed, -2.5, 2.5));
  }
  const std::vector<detect::HeadMap> views(maps.begin(), maps.end());
  const auto expected = detect::decode(network, views, 0);
  const auto found = candidates(imported, maps, network.class_count());
  ASSERT_EQ(found.size(), expected.size());
  for (const detect::Detection& wanted : expected) {
    EXPECT_TRUE(std::ranges::any_of(found, [&](const auto& d) { return near(d, wanted); }))
        << wanted.class_id << " " << wanted.score << " " << wanted.box.left;
  }
}

TEST(OnnxBoxes, AreDecodedAsTheHeadSays) {
  const graph::Network all = every_head();
  for (const int head : all.heads()) {  // one at a time, then all of them
    graph::Network one = all;
    SCOPED_TRACE(one.layers[head].name);
    one.layers = {all.layers[0], all.layers[head - 1], all.layers[head]};
    one.layers[1].inputs = {0};
    one.layers[2].inputs = {1};
    graph::infer_shapes(one);
    expect_same_boxes(one);
  }
  expect_same_boxes(all);
}

TEST(OnnxBoxes, OfANanoDetPlusAreDecoded) {
  expect_same_boxes(graph::make_builtin("nanodet-plus", {.classes = 3, .width = 96, .height = 64}));
}

}  // namespace
}  // namespace oko::formats
