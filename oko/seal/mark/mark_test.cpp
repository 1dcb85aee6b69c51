#include "oko/seal/mark/mark.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/graph/builtin.h"
#include "oko/graph/fold.h"
#include "oko/graph/oko_file.h"
#include "oko/graph/synthetic.h"
#include "oko/seal/crypto.h"
#include "oko/seal/mark/mark_key.h"
#include "oko/seal/mark/trace.h"

namespace oko::seal {
namespace {

using graph::Network;

constexpr int kCustomers = 200;

std::vector<std::string> customers() {
  std::vector<std::string> names;
  for (int i = 0; i < kCustomers; ++i) names.push_back("customer " + std::to_string(i));
  return names;
}

Network original() {
  Network network = graph::make_builtin("yolo-fastest", {.classes = 2});
  graph::fill_synthetic_weights(network);
  return network;
}

MarkKey key() { return read_mark_key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "key"); }

// The suspect is surely this customer's copy, and nobody else's.
void expect_traced(const Network& suspect, const std::string& customer, double least) {
  const TraceResult found = trace(original(), suspect, key(), customers());
  EXPECT_EQ(found.customers[0].customer, customer);
  EXPECT_GT(found.customers[0].z, least);
  EXPECT_LT(found.customers[0].probability, 1e-9);
  EXPECT_LT(found.customers[1].z, 5);
  EXPECT_GT(found.customers[1].probability, 1e-4);
  EXPECT_EQ(found.layers, found.of_layers);
}

Network copy_of(const std::string& customer) { return marked(original(), key(), customer); }

// As a file stores it and another program reads it.
Network stored(const Network& network, graph::Precision precision) {
  return graph::read_oko(Bytes(graph::write_oko(network, {}, precision)), "file").network;
}

TEST(Mark, ChangesWeightsByLittle) {
  const Network before = original(), after = copy_of("customer 7");
  ASSERT_FALSE(marked_layers(before).empty());
  for (const auto& [name, tensor] : before.weights) {
    const auto a = tensor.floats(), b = after.weights.at(name).floats();
    const auto step = static_cast<float>(.005 * deviation(a));
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1.01F * step + 1e-7F);
  }
}

TEST(Mark, TracesACopy) { expect_traced(copy_of("customer 7"), "customer 7", 100); }

TEST(Mark, TracesNobodyInTheOriginalOrAStrangersCopy) {
  for (const Network& suspect : {original(), marked(original(), key(), "nobody's")}) {
    const TraceResult found = trace(original(), suspect, key(), customers());
    EXPECT_LT(found.customers[0].z, 5);
    EXPECT_GT(found.customers[0].probability, 1e-4);
  }
  const MarkKey other = read_mark_key(make_mark_key(), "key");
  EXPECT_LT(trace(original(), copy_of("customer 7"), other, customers()).customers[0].z, 5);
}

TEST(Mark, SurvivesStorageInLessPrecision) {
  expect_traced(stored(copy_of("customer 7"), graph::Precision::kFloat16), "customer 7", 100);
  expect_traced(stored(copy_of("customer 7"), graph::Precision::kInt8), "customer 7", 50);
}

TEST(Mark, SurvivesFoldedBatchNorm) {
  expect_traced(graph::inference_form(copy_of("customer 7")), "customer 7", 100);
  expect_traced(stored(graph::inference_form(copy_of("customer 7")), graph::Precision::kInt8),
                "customer 7", 50);
}

TEST(Mark, SurvivesNoiseAndPruning) {
  Network noisy = copy_of("customer 7"), pruned = noisy;
  Random random(1);
  for (const int i : marked_layers(noisy)) {
    const std::string name = noisy.layers[static_cast<std::size_t>(i)].name + ".kernel";
    const auto values = noisy.weights.at(name).floats();
    const auto spread = static_cast<float>(deviation(values));
    std::vector<float> changed(values.begin(), values.end()), cut = changed;
    for (float& value : changed) value += .1F * spread * static_cast<float>(random.normal());
    std::vector<float> sizes;
    for (const float value : cut) sizes.push_back(std::fabs(value));
    std::ranges::nth_element(sizes, sizes.begin() + std::ssize(sizes) / 4);
    const float least = sizes[sizes.size() / 4];
    for (float& value : cut) value = std::fabs(value) < least ? 0 : value;
    noisy.weights.at(name) = graph::Tensor::of(changed, noisy.weights.at(name).shape);
    pruned.weights.at(name) = graph::Tensor::of(cut, pruned.weights.at(name).shape);
  }
  expect_traced(noisy, "customer 7", 10);
  expect_traced(pruned, "customer 7", 8);
}

TEST(Mark, NamesAllWhoAverageTheirCopies) {
  Network average = original();
  for (auto& [name, tensor] : average.weights) {
    std::vector<float> sum(tensor.floats().size());
    for (int c = 0; c < 5; ++c) {
      const Network one = copy_of("customer " + std::to_string(10 * c));
      const auto values = one.weights.at(name).floats();
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += values[i] / 5;
    }
    tensor = graph::Tensor::of(std::move(sum), tensor.shape);
  }
  const TraceResult found =
      trace(original(), stored(average, graph::Precision::kInt8), key(), customers());
  std::vector<std::string> named;
  for (int i = 0; i < 5; ++i) {
    EXPECT_LT(found.customers[static_cast<std::size_t>(i)].probability, 1e-6);
    named.push_back(found.customers[static_cast<std::size_t>(i)].customer);
  }
  std::ranges::sort(named);
  EXPECT_EQ(named, (std::vector<std::string>{"customer 0", "customer 10", "customer 20",
                                             "customer 30", "customer 40"}));
  EXPECT_LT(found.customers[5].z, 5);
}

// The channels between two convolutions in another order, as a thief might rearrange them, and the
// layers under other names.
void permute(Network& network, std::size_t first, std::size_t second, Random& random) {
  const auto kernel_name = [&](std::size_t i) { return network.layers[i].name + ".kernel"; };
  const auto& a = std::get<graph::Convolution>(network.layers[first].operation);
  std::vector<std::size_t> order(static_cast<std::size_t>(a.filters));
  std::iota(order.begin(), order.end(), 0U);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  // Filters of the first.
  const auto reorder = [&](const std::string& name, std::size_t outer) {
    const auto found = network.weights.find(name);
    if (found == network.weights.end()) return;
    const auto values = found->second.floats();
    const std::size_t block = values.size() / outer / order.size();
    std::vector<float> changed(values.size());
    for (std::size_t o = 0; o < outer; ++o) {
      for (std::size_t i = 0; i < order.size(); ++i) {
        const auto from =
            values.begin() + static_cast<std::ptrdiff_t>((o * order.size() + order[i]) * block);
        std::copy_n(from, block,
                    changed.begin() + static_cast<std::ptrdiff_t>((o * order.size() + i) * block));
      }
    }
    found->second = graph::Tensor::of(std::move(changed), found->second.shape);
  };
  for (const char* part : {"kernel", "bias", "scale", "mean", "variance"}) {
    reorder(network.layers[first].name + "." + part, 1);
  }
  reorder(kernel_name(second),
          static_cast<std::size_t>(
              std::get<graph::Convolution>(network.layers[second].operation).filters));
}

TEST(Mark, SurvivesPermutedChannelsAndOtherNames) {
  Network network;
  network.input = {3, 64, 64};
  const graph::Convolution one{32, 3, 2, 1, graph::Padding::all(1), {}, graph::Activation::kLeaky};
  const graph::Convolution two{
      64, 3, 2, 1, graph::Padding::all(1), graph::BatchNorm{}, graph::Activation::kLeaky};
  const graph::Convolution head{7, 1, 1, 1, {}, {}, graph::Activation::kLinear};
  network.layers = {{"a", one, {graph::kNetworkInput}, {}},
                    {"pool", graph::MaxPool{2, 2, {}}, {0}, {}},
                    {"b", two, {1}, {}},
                    {"c", two, {2}, {}},
                    {"d", head, {3}, {}},
                    {"e", graph::Yolo{{{20, 30}}, {0}, 2}, {4}, {}}};
  graph::infer_shapes(network);
  graph::fill_synthetic_weights(network);
  Network suspect = marked(network, key(), "customer 7");
  Random random(3);
  permute(suspect, 0, 2, random);
  permute(suspect, 2, 3, random);
  permute(suspect, 3, 4, random);
  suspect = graph::inference_form(suspect);
  graph::Weights renamed;
  for (graph::Layer& layer : suspect.layers) {
    for (const auto& [name, tensor] : suspect.weights) {
      if (name.starts_with(layer.name + ".")) {
        renamed["conv_" + name] = tensor;
      }
    }
    layer.name = "conv_" + layer.name;
  }
  suspect.weights = renamed;
  const TraceResult found = trace(network, suspect, key(), customers());
  EXPECT_EQ(found.customers[0].customer, "customer 7");
  EXPECT_GT(found.customers[0].z, 50);
  EXPECT_GT(found.likeness, .99);
  EXPECT_LT(found.customers[1].z, 5);
}

TEST(Mark, SaysThatASuspectIsAnotherNetwork) {
  Network other;
  other.name = "other";
  other.input = {3, 32, 32};
  const graph::Convolution one{7, 1, 1, 1, {}, {}, graph::Activation::kLinear};
  other.layers = {{"a", one, {graph::kNetworkInput}, {}},
                  {"b", graph::Yolo{{{20, 30}}, {0}, 2}, {0}, {}}};
  graph::infer_shapes(other);
  graph::fill_synthetic_weights(other);
  EXPECT_THROW(trace(original(), other, key(), customers()), Error);
  EXPECT_THROW(marked(other, key(), "x"), Error);  // too few weights
}

TEST(Mark, ReadsItsKeys) {
  const std::string text = make_mark_key();
  EXPECT_TRUE(std::ranges::equal(read_mark_key(text, "k").span(), read_mark_key(text, "k").span()));
  for (const char* bad : {"", "abc", "# only a comment\n", "AAAA"}) {
    EXPECT_THROW(read_mark_key(bad, "k"), Error) << bad;
  }
}

}  // namespace
}  // namespace oko::seal
