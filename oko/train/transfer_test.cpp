#include "oko/train/transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "oko/dataset/test_data.h"
#include "oko/graph/builtin.h"
#include "oko/graph/oko_file.h"
#include "oko/storage/store.h"
#include "oko/train/pretrained.h"
#include "oko/train/test_support.h"

namespace oko::train {
namespace {

using ::testing::HasSubstr;

std::vector<float> row_of(const graph::Tensor& kernel, int row) {
  const auto values = kernel.floats();
  const std::size_t length = values.size() / static_cast<std::size_t>(kernel.shape[0]);
  const auto begin =
      values.begin() + static_cast<std::ptrdiff_t>(length * static_cast<std::size_t>(row));
  return {begin, begin + static_cast<std::ptrdiff_t>(length)};
}

graph::Network tiny_with_classes(std::vector<std::string> classes, std::uint64_t seed) {
  graph::Network network = tiny_network();
  graph::set_class_count(network, static_cast<int>(classes.size()));
  network.classes = std::move(classes);
  if (seed > 0) fill_weights(network, seed);
  return network;
}

std::string save(const dataset::ScratchFolder& folder, const graph::Network& network) {
  const std::string uri = folder / "pretrained.oko";
  storage::write(uri, graph::write_oko(network));
  return uri;
}

const std::string kOutput = "layers.3";  // the tiny network's output convolution

TEST(Transfer, PublishedWeightsWithEightyClassesInitializeADetectorOfSix) {
  OKO_REFERENCE_DATA(weights, "models/darknet/yolo-fastest-1.1-xl.weights");
  const graph::Network fresh = graph::make_builtin("yolo-fastest-xl", {.classes = 6});
  graph::Network network = fresh;
  const Transfer transfer = load_pretrained(network, weights);
  EXPECT_EQ(transfer.of, 84);
  EXPECT_EQ(transfer.convolutions, 82);
  EXPECT_EQ(transfer.heads_adapted, 2);
  EXPECT_EQ(std::count(transfer.loaded.begin(), transfer.loaded.end(), true), 82);
  EXPECT_THAT(transfer.description, HasSubstr("82 of 84"));
  EXPECT_NO_THROW(graph::check_weights(network));

  graph::Network published = graph::make_builtin("yolo-fastest-xl", {.classes = 80});
  formats::read_darknet_weights(storage::map(weights), weights, published);
  const auto outputs = output_convolutions(network);
  EXPECT_EQ(std::count(outputs.begin(), outputs.end(), true), 2);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i]) continue;
    EXPECT_FALSE(transfer.loaded[i]);
    for (const char* part : {".kernel", ".bias"}) {
      const graph::Tensor& now = network.weights.at(network.layers[i].name + part);
      const graph::Tensor& then = published.weights.at(network.layers[i].name + part);
      ASSERT_EQ(now.shape[0], 3 * 11);
      for (int anchor = 0; anchor < 3; ++anchor) {
        for (int row = 0; row < 5; ++row) {
          EXPECT_EQ(row_of(now, anchor * 11 + row), row_of(then, anchor * 85 + row));
        }
      }
    }
  }
  EXPECT_EQ(network.weights.at("layers.0.kernel").data.text(),
            published.weights.at("layers.0.kernel").data.text());
}

TEST(Transfer, PrefixFillsTheFirstConvolutions) {
  OKO_REFERENCE_DATA(weights, "models/darknet/tiny-yolo-voc.conv.9");
  graph::Network network = graph::make_builtin("yolov3-tiny", {.classes = 3});
  const Transfer transfer = load_pretrained(network, weights);
  EXPECT_EQ(transfer.convolutions, 5);
  EXPECT_EQ(transfer.heads_adapted, 0);
  EXPECT_EQ(network.weights.size(), 25U);
  for (const std::size_t layer : {0U, 2U, 4U, 6U, 8U}) EXPECT_TRUE(transfer.loaded[layer]);
}

TEST(Transfer, SameNetworkIsLoadedCompletely) {
  const dataset::ScratchFolder folder;
  const graph::Network source = tiny_with_classes({"cat", "dog"}, 5);
  graph::Network network = tiny_with_classes({"cat", "dog"}, 0);
  const Transfer transfer = load_pretrained(network, save(folder, source));
  EXPECT_EQ(transfer.convolutions, 4);
  EXPECT_EQ(transfer.heads_adapted, 0);
  for (const auto& [name, tensor] : source.weights) {
    EXPECT_EQ(network.weights.at(name).data.text(), tensor.data.text()) << name;
  }
}

// Rows 0 to 4 are box and objectness, then the classes.
void expect_class_rows(const std::vector<std::string>& from, const std::vector<std::string>& to) {
  const dataset::ScratchFolder folder;
  const graph::Network source = tiny_with_classes(from, 5);
  graph::Network network = tiny_with_classes(to, 0);
  const Transfer transfer = load_pretrained(network, save(folder, source));
  EXPECT_EQ(transfer.convolutions, 3);
  EXPECT_EQ(transfer.heads_adapted, 1);
  const int old_size = 5 + static_cast<int>(from.size()), size = 5 + static_cast<int>(to.size());
  for (const char* part : {".kernel", ".bias"}) {
    const graph::Tensor& now = network.weights.at(kOutput + part);
    const graph::Tensor& then = source.weights.at(kOutput + part);
    for (int anchor = 0; anchor < 3; ++anchor) {
      for (int row = 0; row < 5; ++row) {
        EXPECT_EQ(row_of(now, anchor * size + row), row_of(then, anchor * old_size + row));
      }
      for (int c = 0; c < static_cast<int>(to.size()); ++c) {
        const auto found = std::find(from.begin(), from.end(), to[c]);
        const auto row = row_of(now, anchor * size + 5 + c);
        if (found == from.end()) {
          EXPECT_EQ(row, std::vector<float>(row.size(), 0.F)) << "an unknown class is undecided";
        } else {
          const int old = static_cast<int>(found - from.begin());
          EXPECT_EQ(row, row_of(then, anchor * old_size + 5 + old));
        }
      }
    }
  }
}

TEST(Transfer, ClassesOfTheSameNameKeepTheirRows) {
  expect_class_rows({"cat", "dog", "horse"}, {"dog", "cow"});
}

TEST(Transfer, ClassesInAnotherOrderAreMatchedByName) {
  expect_class_rows({"cat", "dog", "horse"}, {"dog", "horse", "cow"});
}

TEST(Transfer, OutputOfAnotherKernelSizeIsSkipped) {
  const dataset::ScratchFolder folder;
  graph::Network source = tiny_with_classes({"cat", "dog"}, 0);
  auto& output = std::get<graph::Convolution>(source.layers[3].operation);
  output.size = 3;
  output.padding = graph::Padding::all(1);
  graph::infer_shapes(source);
  fill_weights(source, 5);
  graph::Network network = tiny_with_classes({"cow"}, 0);
  const Transfer transfer = load_pretrained(network, save(folder, source));
  EXPECT_EQ(transfer.convolutions, 3);
  EXPECT_EQ(transfer.heads_adapted, 0);
  EXPECT_FALSE(network.weights.contains(kOutput + ".kernel"));
}

TEST(Transfer, FileOfAnotherNetworkIsAnInputError) {
  const dataset::ScratchFolder folder;
  const std::string uri = save(folder, tiny_with_classes({"cat"}, 5));
  graph::Network network = graph::make_builtin("yolov3-tiny", {.classes = 1});
  const Error e = error_of([&] { load_pretrained(network, uri); });
  EXPECT_EQ(e.code(), ErrorCode::kInput);
  EXPECT_THAT(e.message(), HasSubstr("none of its layers fit"));
}

TEST(Transfer, HintNamesTheNetworkOfTheFile) {
  OKO_REFERENCE_DATA(model, "models/modern/nanodet-plus-m-416.param");
  graph::Network network = graph::make_builtin("yolov3-tiny", {.classes = 1});
  const Error e = error_of([&] { load_pretrained(network, model); });
  EXPECT_THAT(e.hint(), HasSubstr("--network nanodet-plus"));
  graph::Network same = graph::make_builtin("nanodet-plus", {.classes = 2});
  const Transfer transfer = load_pretrained(same, model);
  EXPECT_EQ(transfer.convolutions, 106);
  EXPECT_EQ(transfer.unfolded, 106);
  EXPECT_EQ(transfer.heads_adapted, 4);
  ASSERT_TRUE(transfer.preprocess);
  EXPECT_TRUE(transfer.preprocess->bgr);
  const auto biases =
      same.weights.at(same.layers[same.layers[same.heads()[0]].inputs[0]].name + ".bias").floats();
  EXPECT_NEAR(biases[0], -4.595, 1e-3) << "a new class is rare";
  EXPECT_NE(biases[2], 0) << "sides are those of the file";
}

TEST(Transfer, NetworkWithoutWeightsIsRefused) {
  const dataset::ScratchFolder folder;
  const std::string uri = folder / "model.cfg";
  storage::write(uri, tiny_cfg());
  graph::Network network = tiny_network();
  const Error e = error_of([&] { load_pretrained(network, uri); });
  EXPECT_EQ(e.code(), ErrorCode::kUsage);
  EXPECT_THAT(e.message(), HasSubstr("is a .cfg file"));
  EXPECT_THAT(e.hint(), HasSubstr(".weights"));
}

TEST(Transfer, LayersWithOtherNamesCorrespondInOrder) {
  const dataset::ScratchFolder folder;
  graph::Network source = tiny_with_classes({"cat"}, 0);
  for (graph::Layer& layer : source.layers) layer.name = "of_another_program." + layer.name;
  fill_weights(source, 5);
  graph::Network network = tiny_with_classes({"cat"}, 0);
  EXPECT_EQ(load_pretrained(network, save(folder, source)).convolutions, 4);
  EXPECT_EQ(network.weights.at("layers.0.kernel").data.text(),
            source.weights.at("of_another_program.layers.0.kernel").data.text());
  EXPECT_NO_THROW(graph::check_weights(network));
}

TEST(Transfer, DarknetFileOfAnotherNetworkIsAnInputError) {
  OKO_REFERENCE_DATA(weights, "models/darknet/yoloface-50k.weights");
  graph::Network network = graph::make_builtin("yolov3-tiny", {.classes = 1});
  EXPECT_EQ(error_of([&] { load_pretrained(network, weights); }).code(), ErrorCode::kInput);
  EXPECT_TRUE(network.weights.empty());
}

}  // namespace
}  // namespace oko::train
