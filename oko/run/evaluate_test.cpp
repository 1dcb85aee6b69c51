#include "oko/run/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "oko/base/error.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::run {
namespace {

using ::testing::HasSubstr;

constexpr int kSide = 32;

// A network with one cell and one anchor: it can find only one box, in the middle.
graph::Network one_cell_network(std::vector<std::string> classes) {
  graph::MaxPool pool;
  pool.size = pool.stride = kSide;
  graph::Convolution convolution;
  convolution.filters = 5 + static_cast<int>(classes.size());
  graph::Yolo head;
  head.anchors = {{16, 16}};
  head.mask = {0};
  head.classes = static_cast<int>(classes.size());
  graph::Network network;
  network.name = "one-cell";
  network.input = {3, kSide, kSide};
  network.layers = {{"pool", pool, {graph::kNetworkInput}, {}},
                    {"out", convolution, {0}, {}},
                    {"head", head, {1}, {}}};
  network.classes = std::move(classes);
  graph::infer_shapes(network);
  return network;
}

// Finds class 0 in red images and class 1 in others, by the colour of the middle.
class ColourEngine final : public detect::Engine {
 public:
  explicit ColourEngine(int classes) : channels_(5 + classes) {}
  std::vector<std::vector<detect::HeadMap>> run(std::span<const float> input, int batch) override {
    const auto plane = static_cast<std::size_t>(kSide) * kSide;
    maps_.assign(static_cast<std::size_t>(batch * channels_), -9);
    std::vector<std::vector<detect::HeadMap>> heads;
    for (std::size_t i = 0; i < static_cast<std::size_t>(batch); ++i) {
      const std::span<float> map = std::span(maps_).subspan(i * static_cast<std::size_t>(channels_),
                                                            static_cast<std::size_t>(channels_));
      const bool red = input[i * 3 * plane + plane / 2 + kSide / 2] > .5F;
      std::fill_n(map.begin(), 4, 0.F);
      map[4] = 3;
      map[red ? 5 : 6] = 3;
      heads.push_back({map});
    }
    return heads;
  }

 private:
  int channels_;
  std::vector<float> maps_;
};

class Evaluate : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "oko_evaluate_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // An image of one colour with one true box where the one-cell network finds it.
  void add(const std::string& id, bool red, int class_id) {
    image::Picture picture{{kSide, kSide}, {}};
    for (int i = 0; i < kSide * kSide; ++i) {
      for (const int value : {red ? 255 : 0, red ? 0 : 255, 0}) {
        picture.rgb.push_back(static_cast<std::uint8_t>(value));
      }
    }
    dataset::Sample sample;
    sample.id = id;
    sample.image = storage::join(folder_, id + ".png");
    sample.objects.resize(1);
    sample.objects[0].box = {8, 8, 24, 24};
    sample.objects[0].class_id = class_id;
    media::save(picture, sample.image);
    dataset_.samples.push_back(sample);
  }

  Evaluation run(std::vector<std::string> network_classes, EvaluateOptions options = {}) {
    const int count = static_cast<int>(network_classes.size());
    detect::Detector detector(one_cell_network(std::move(network_classes)),
                              std::make_unique<ColourEngine>(count));
    NoProgress progress;
    options.batch = 2;
    options.threads = 2;
    return evaluate(detector, dataset_, options, progress);
  }

  std::string usage_error(std::vector<std::string> network_classes) {
    try {
      run(std::move(network_classes));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    ADD_FAILURE() << "no error was thrown";
    return "";
  }

  std::string folder_;
  dataset::Dataset dataset_;
};

TEST_F(Evaluate, ClassesAreMatchedByNameInAnyOrder) {
  dataset_.classes = {"leaf", "rose"};
  add("a", true, 1);
  add("b", false, 0);
  add("c", false, 0);
  add("d", true, 1);
  add("e", true, 1);
  const Evaluation result = run({"rose", "leaf"});
  EXPECT_EQ(result.classes, dataset_.classes);
  ASSERT_EQ(result.pictures.size(), 5U);
  EXPECT_EQ(result.pictures[1].found.at(0).class_id, 0);
  EXPECT_DOUBLE_EQ(result.map50, 1);
  EXPECT_DOUBLE_EQ(result.map50_11, 1);
  EXPECT_EQ(result.confusion.at(1, 1), 3);
  EXPECT_FLOAT_EQ(result.best_f1.f1, 1);
}

TEST_F(Evaluate, ClassesTheDatasetDoesNotLabelAreIgnored) {
  dataset_.classes = {"rose"};
  add("a", true, 0);
  add("b", false, 0);
  const Evaluation result = run({"rose", "leaf"});
  EXPECT_TRUE(result.pictures[1].found.empty());
  EXPECT_DOUBLE_EQ(result.map50, .5);
}

TEST_F(Evaluate, UnknownClassErrorShowsBothLists) {
  dataset_.classes = {"tulip", "rose"};
  add("a", true, 0);
  const std::string text = usage_error({"rose", "leaf"});
  EXPECT_THAT(text, HasSubstr("has no class \"tulip\""));
  EXPECT_THAT(text, HasSubstr("the dataset has tulip, rose"));
  EXPECT_THAT(text, HasSubstr("the model has rose, leaf"));
}

TEST_F(Evaluate, EmptyDatasetIsAnError) {
  dataset_.classes = {"rose", "leaf"};
  EXPECT_THROW(run({"rose", "leaf"}), Error);
}

TEST_F(Evaluate, SkipsAndListsImagesThatCannotBeRead) {
  dataset_.classes = {"rose", "leaf"};
  for (const char* id : {"a", "b", "c", "d", "e", "f", "g"}) add(id, true, 0);
  const Evaluation whole = run({"rose", "leaf"});
  storage::write(dataset_.samples[2].image, std::string_view("not an image"));
  storage::remove(dataset_.samples[5].image);
  const Evaluation rest = run({"rose", "leaf"});
  ASSERT_EQ(rest.unreadable.size(), 2U);
  EXPECT_EQ(rest.unreadable[0].sample, 2U);
  EXPECT_THAT(rest.unreadable[0].error.place(), HasSubstr("c.png"));
  EXPECT_EQ(rest.unreadable[1].sample, 5U);
  EXPECT_EQ(rest.measured(), 5U);
  EXPECT_EQ(rest.iou50[0].truths, 5);
  EXPECT_EQ(rest.map50, whole.map50);
  EXPECT_EQ(rest.pictures[6].found.size(), whole.pictures[6].found.size());
}

TEST_F(Evaluate, NoReadableImageIsAnError) {
  dataset_.classes = {"rose", "leaf"};
  for (const char* id : {"a", "b"}) add(id, true, 0);
  for (const auto& sample : dataset_.samples) storage::write(sample.image, std::string_view("no"));
  try {
    run({"rose", "leaf"});
    FAIL() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.place(), HasSubstr("a.png"));
  }
}

TEST_F(Evaluate, CountsWhatPassesTheThresholds) {
  dataset_.classes = {"rose", "leaf"};
  add("a", true, 0);
  EvaluateOptions options;
  EXPECT_EQ(run({"rose", "leaf"}, options).pictures[0].found.size(), 1U);  // scores .907
  options.thresholds.class_scores = {.95F, 0};
  EXPECT_EQ(run({"rose", "leaf"}, options).pictures[0].found.at(0).class_id, 1);
}

TEST(Counted, KeepsTheFlagsOfTheSamplesObjects) {
  dataset::Sample sample;
  sample.objects.resize(2);
  sample.objects[0].class_id = 3;
  sample.objects[0].box = {1, 2, 3, 4};
  sample.objects[0].difficult = true;
  sample.objects[1].crowd = true;
  const metrics::Picture picture = counted(sample, {{1, .5F, {5, 6, 7, 8}}});
  ASSERT_EQ(picture.truth.size(), 2U);
  EXPECT_EQ(picture.truth[0].class_id, 3);
  EXPECT_EQ(picture.truth[0].box, sample.objects[0].box);
  EXPECT_TRUE(picture.truth[0].difficult);
  EXPECT_FALSE(picture.truth[0].crowd);
  EXPECT_TRUE(picture.truth[1].crowd);
  ASSERT_EQ(picture.found.size(), 1U);
  EXPECT_EQ(picture.found[0].class_id, 1);
}

TEST(Summarize, DifficultAndCrowdDoNotCount) {
  metrics::Picture picture;
  picture.truth = {{0, {0, 0, 10, 10}, true, false}, {0, {50, 50, 60, 60}, false, false}};
  picture.found = {{0, .9F, {0, 0, 10, 10}}, {0, .8F, {50, 50, 60, 60}}};
  const Evaluation result = summarize({"rose"}, {picture});
  EXPECT_EQ(result.iou50.at(0).truths, 1);
  EXPECT_DOUBLE_EQ(result.map50, 1);
}

}  // namespace
}  // namespace oko::run
