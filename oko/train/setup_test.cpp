#include <gmock/gmock.h>

#include "oko/dataset/read.h"
#include "oko/graph/builtin.h"
#include "oko/train/setup_steps.h"
#include "oko/train/test_run.h"

namespace oko::train {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SetupSteps : public ::testing::Test {
 protected:
  SetupSteps() {
    setup_.recipe.dataset = make_squares(folder_ / "data", {10, 0});
    setup_.recipe.val_part = .2;
    setup_.network = tiny_network();
  }
  void choose(const std::string& anchors) {
    setup_.recipe.anchors = anchors;
    choose_anchors(setup_, progress_);
  }

  const dataset::ScratchFolder folder_;
  train::Setup setup_;
  Lines progress_;
};

TEST_F(SetupSteps, PartOfTheDataIsHeldOutAndNoted) {
  read_data(setup_, nullptr, progress_);
  EXPECT_EQ(setup_.train.samples.size(), 8U);
  EXPECT_EQ(setup_.val.samples.size(), 2U);
  EXPECT_EQ(setup_.data.train.images, 8);
  EXPECT_EQ(setup_.recipe.format, "yolo");
  EXPECT_EQ(setup_.notes, progress_.lines);
  EXPECT_THAT(setup_.notes.back(), HasSubstr("8 images with 8 boxes to train on"));
}

TEST_F(SetupSteps, AnchorsAreKeptGivenOrFromTheData) {
  read_data(setup_, nullptr, progress_);
  const std::size_t notes = setup_.notes.size();
  choose("default");
  EXPECT_EQ(setup_.recipe.anchors, "10,10, 16,16, 24,24");
  choose("5,6, 7,8, 9,10");
  EXPECT_EQ(graph::anchors_of(setup_.network).at(1).height, 8);
  EXPECT_EQ(setup_.notes.size(), notes) << "nothing was chosen";
  choose("data");
  EXPECT_NE(setup_.recipe.anchors, "5,6, 7,8, 9,10");
  EXPECT_THAT(setup_.notes.back(), HasSubstr("clustered from the data"));
  EXPECT_THAT(error_of([&] { choose("5,6, 7,8"); }).message(), HasSubstr("is not 3 pairs"));
}

TEST_F(SetupSteps, WithoutPretrainedWeightsNothingIsFrozen) {
  take_pretrained(setup_, progress_);
  EXPECT_EQ(setup_.recipe.frozen_epochs, 0);
  EXPECT_THAT(setup_.notes, IsEmpty());
  setup_.recipe.frozen_epochs = 1;
  EXPECT_EQ(error_of([&] { take_pretrained(setup_, progress_); }).code(), ErrorCode::kUsage);
}

TEST_F(SetupSteps, WeightsAreFoundByNameOrChosenForTheNetwork) {
  const dataset::ScratchFolder cache;
  ::setenv("XDG_CACHE_HOME", cache.path().c_str(), 1);
  ::setenv("OKO_WEIGHTS_URL", (folder_ / "mirror").c_str(), 1);  // empty
  const auto fault = [&](const std::string& network, const std::string& from) {
    setup_.recipe.network = network;
    setup_.recipe.from = from;
    return error_of([&] { find_weights(setup_, progress_); });
  };
  for (const char* from : {"auto", "yolo-fastest-1.1-xl"}) {
    const Error missing = fault("yolo-fastest-xl", from);
    EXPECT_EQ(missing.code(), ErrorCode::kStorage);
    EXPECT_THAT(missing.place(), HasSubstr("mirror/yolo-fastest-1.1-xl.weights"));
    EXPECT_EQ(setup_.recipe.from, "yolo-fastest-1.1-xl");
  }
  const Error typo = fault("yolov3-tiny", "yolo-fastest-1.2");
  EXPECT_EQ(typo.code(), ErrorCode::kInput);
  EXPECT_THAT(typo.hint(), HasSubstr("did you mean yolo-fastest-1.1?"));
  EXPECT_THAT(setup_.notes, IsEmpty());

  setup_.recipe.from = "none";
  find_weights(setup_, progress_);
  EXPECT_THAT(setup_.notes, IsEmpty());
  EXPECT_EQ(setup_.weights, "");
  setup_.recipe.network = "net.cfg";
  setup_.recipe.from = "auto";
  find_weights(setup_, progress_);
  EXPECT_EQ(setup_.recipe.from, "none");
  EXPECT_THAT(setup_.notes.back(), HasSubstr("no weights are known for net.cfg"));
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("OKO_WEIGHTS_URL");
}

}  // namespace
}  // namespace oko::train
