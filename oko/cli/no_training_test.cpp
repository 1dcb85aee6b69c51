// An oko that was built without LibTorch: `oko train` explains itself, and says why it can't run.
#include <gmock/gmock.h>

#include "oko/cli/test_command.h"
#include "oko/cli/test_model.h"
#include "oko/media/picture.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;

class WithoutTraining : public WithModel {};

TEST_F(WithoutTraining, TrainShowsItsHelpAndIsRefused) {
  EXPECT_THAT(oko_command({"help", "train"}).out, HasSubstr("--epochs"));
  const Outcome outcome = oko_command({"train", file("photos"), "--out", file("run")});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("this oko was built without LibTorch"));
  EXPECT_THAT(outcome.error, HasSubstr("-DOKO_TRAIN=ON"));
  EXPECT_FALSE(storage::exists(file("run")));
}

TEST_F(WithoutTraining, DetectRunsInOkosEngineAlone) {
  media::save({{32, 32}, std::vector<std::uint8_t>(32 * 32 * 3)}, file("black.png"));
  const auto detect = [&](const std::string& engine) {
    return oko_command({"detect", file("net.cfg"), file("black.png"), "--weights",
                        file("net.weights"), "--engine", engine});
  };
  EXPECT_EQ(detect("auto").code, 0) << detect("auto").error;
  const Outcome torch = detect("torch");
  EXPECT_EQ(torch.code, 2);
  EXPECT_THAT(torch.error, HasSubstr("this oko was built without LibTorch"));
}

}  // namespace
}  // namespace oko::cli
