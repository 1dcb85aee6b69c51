#include <gmock/gmock.h>

#include "oko/base/error.h"
#include "oko/formats/keras.h"
#include "oko/formats/keras/testing/against_darknet.h"
#include "oko/formats/tensor_order.h"
#include "oko/graph/reference.h"

namespace oko::formats {
namespace {

std::vector<float> run(const graph::Network& network, const std::vector<float>& input) {
  const auto map = graph::Reference<double>(network).run(input)[0];
  return {map.begin(), map.end()};
}

Bytes written(const std::string& model, const std::string& flags) {
  return converted("keras/testing/write_darknet.py", model, flags);
}

TEST(ReadKeras, ComputesWhatTheDarknetModelComputes) {
  OKO_NEEDS_REFERENCE_MODELS();
  OKO_NEEDS_PYTHON("h5py");
  for (const reference::GoldenModel& model : reference::golden_models()) {
    if (model.name == std::string("yolo-fastest-1.1-xl")) continue;  // as its smaller sister
    SCOPED_TRACE(model.name);
    const graph::Network original = darknet_original(model.name);
    const Imported imported = read_keras(written(model.name, ""), "m.h5");
    expect_same_maps(with_heads_of(imported, original), original, golden_input(model), 1e-4);
    EXPECT_EQ(graph::weight_specs(imported.network).size(), graph::weight_specs(original).size());
  }
}

TEST(ReadKeras, KeepsEveryWeightBitForBit) {
  OKO_NEEDS_REFERENCE_MODELS();
  OKO_NEEDS_PYTHON("h5py");
  const graph::Network original = darknet_original("yoloface-50k");
  const graph::Network network = read_keras(written("yoloface-50k", "raw"), "m.h5").network;
  const auto ours = graph::weight_specs(network), theirs = graph::weight_specs(original);
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(network.weights.at(ours[i].name).data.text(),
              original.weights.at(theirs[i].name).data.text())
        << ours[i].name;
  }
}

TEST(ReadKeras, ReadsYolov3TinyWithoutAFixedSize) {
  OKO_NEEDS_REFERENCE_MODELS();
  OKO_NEEDS_PYTHON("h5py");
  const SyntheticTiny tiny;
  const Bytes file = converted("keras/testing/write_darknet.py", tiny.cfg, tiny.weights,
                               "open-size numbered-from-none");
  try {
    read_keras(file, "m.h5");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "m.h5: input (InputLayer): the file does not fix the input size (set it, for "
                 "example with --size 416x416)");
  }
  const Imported imported = read_keras(file, "m.h5", image::Size{416, 416});
  expect_same_maps(with_heads_of(imported, tiny.original), tiny.original, tiny.input, 1e-4);
}

TEST(ReadKeras, ComputesWhatTheLayersAreDefinedToDo) {
  OKO_NEEDS_PYTHON("h5py");
  const TestFolder folder("keras_cases");
  ASSERT_TRUE(run_python(script("keras/testing/write_cases.py") + " " + folder.path()));
  int cases = 0;
  for (const storage::Entry& entry : storage::list(folder.path())) {
    if (storage::extension(entry.uri) != ".h5") continue;
    SCOPED_TRACE(entry.uri);
    ++cases;
    const std::string base = folder.file(storage::stem(entry.uri));
    const Imported imported = read_keras(storage::read(entry.uri), entry.uri);
    const auto expected = reference::read_floats(base + ".out.f32");
    EXPECT_LT(reference::largest_difference(
                  run(imported.network, reference::read_floats(base + ".in.f32")), expected),
              2e-5);
  }
  EXPECT_EQ(cases, 11);
}

TEST(ReadKeras, ReadsTheMnistExample) {
  OKO_NEEDS_REFERENCE_MODELS();
  const std::string path = reference_models() + "/other_formats/mnistCNN.h5";
  const Imported imported = read_keras(storage::read(path), path);
  const graph::Network& network = imported.network;
  EXPECT_EQ(network.input, (graph::Shape{1, 28, 28}));
  ASSERT_EQ(network.layers.size(), 9U);
  EXPECT_EQ(network.layers[6].name, "dense_1");
  const auto& dense = std::get<graph::Convolution>(network.layers[6].operation);
  EXPECT_EQ(dense.size, 2);
  EXPECT_EQ(dense.activation, graph::Activation::kRelu);
  EXPECT_TRUE(std::holds_alternative<graph::Softmax>(network.layers[8].operation));
  // A ring is a zero and a vertical stroke a one.
  std::vector<float> nought(28 * 28), one(28 * 28);
  for (int y = 0; y < 28; ++y) {
    for (int x = 0; x < 28; ++x) {
      const double r = std::hypot((y - 13.5) / 1.25, x - 13.5);
      const auto at = static_cast<std::size_t>(y * 28 + x);
      nought[at] = r > 5 && r < 7.5 ? 1 : 0;
      one[at] = x > 12 && x < 16 && y > 4 && y < 24 ? 1 : 0;
    }
  }
  const auto of_nought = run(network, nought), of_one = run(network, one);
  EXPECT_GT(of_nought[0], .9F);
  EXPECT_GT(of_one[1], .9F);
}

// Core ML keeps weights as plain floats in our order (out, in, rows, columns), so those of the
// model published with the .h5 must appear in it unchanged.
TEST(ReadKeras, GivesTheWeightsOfThePublishedCoreMlModel) {
  OKO_NEEDS_REFERENCE_MODELS();
  const std::string folder = reference_models() + "/other_formats/";
  const graph::Network network = read_keras(storage::read(folder + "mnistCNN.h5"), "m.h5").network;
  const Bytes published = storage::read(folder + "mnistCNN.mlmodel");
  for (const graph::WeightSpec& spec : graph::weight_specs(network)) {
    const graph::Tensor& ours = network.weights.at(spec.name);
    // The dense layer reads its input channels-last.
    const graph::Tensor tensor =
        spec.name == "dense_1.kernel" ? permuted(ours, {0, 2, 3, 1}) : ours;
    EXPECT_NE(published.text().find(tensor.data.text()), std::string_view::npos) << spec.name;
  }
}

}  // namespace
}  // namespace oko::formats
