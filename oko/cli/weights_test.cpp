// `oko weights` as typed; downloads are tested in oko/weights.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "oko/cli/test_command.h"
#include "oko/dataset/test_data.h"
#include "oko/graph/builtin.h"
#include "oko/storage/store.h"
#include "oko/weights/known.h"

namespace oko::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class WeightsCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "weights-command-" + std::to_string(::getpid());
    std::filesystem::remove_all(root_);
    ::setenv("XDG_CACHE_HOME", file("cache").c_str(), 1);
    ::setenv("OKO_WEIGHTS_URL", file("mirror").c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("XDG_CACHE_HOME");
    ::unsetenv("OKO_WEIGHTS_URL");
    std::filesystem::remove_all(root_);
  }
  std::string file(const std::string& name) const { return root_ + "/" + name; }
  static Outcome weights(std::vector<std::string> words) {
    words.insert(words.begin(), "weights");
    return oko_command(words);
  }

  std::string root_;
};

TEST_F(WeightsCommand, ListsWhatIsKnownOfEachNetwork) {
  const Outcome outcome = weights({"list"});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("kept in " + file("cache/oko/weights")));
  const Json json = parse_json(weights({"list", "--json"}).out, "output");
  ASSERT_EQ(json["weights"].size(), weights::known().size());
  for (const Json& one : json["weights"]) {
    const auto network = one["network"].get<std::string>();
    EXPECT_THAT(graph::builtin_names(), Contains(network));
    EXPECT_THAT(outcome.out, HasSubstr(one["name"].get<std::string>() + " "));
    EXPECT_FALSE(one["is_here"].get<bool>());
  }
}

TEST_F(WeightsCommand, GetsThemOnce) {
  OKO_REFERENCE_DATA(published, "models/darknet/yolo-fastest-1.1.weights");
  storage::copy(published, file("mirror/yolo-fastest-1.1.weights"));
  const std::string here = file("cache/oko/weights/yolo-fastest-1.1.weights");
  for (int time = 0; time < 2; ++time) {
    const Outcome outcome = weights({"get", "yolo-fastest-1.1"});
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    EXPECT_THAT(outcome.out, HasSubstr("file     " + here));
    EXPECT_THAT(outcome.out, HasSubstr("licence  public domain"));
    EXPECT_THAT(outcome.out, HasSubstr("--network yolo-fastest --from yolo-fastest-1.1\n"));
    EXPECT_EQ(storage::read_text(here), storage::read_text(published));
    storage::remove(file("mirror/yolo-fastest-1.1.weights"));
  }
  const Json json = parse_json(weights({"get", "yolo-fastest-1.1", "--json"}).out, "output");
  EXPECT_EQ(json["weights"][0]["file"], here);
  EXPECT_EQ(json["weights"][0]["is_here"], true);
}

TEST_F(WeightsCommand, SaysWhatIsNotKnownOrCannotBeHad) {
  const Outcome unknown = weights({"get", "yolov4-tinny"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.error, HasSubstr("\"yolov4-tinny\" is unknown"));
  const Outcome hostile = weights({"get", "../../etc/passwd"});
  EXPECT_EQ(hostile.code, 2);
  const Outcome missing = weights({"get", "yolov3-tiny"});
  EXPECT_EQ(missing.code, 4);
  EXPECT_THAT(missing.error, HasSubstr("https://data.pjreddie.com/files/yolov3-tiny.weights"));
  EXPECT_THAT(missing.error, HasSubstr(file("cache/oko/weights")));
  storage::write(file("mirror/yolov3-tiny.weights"), std::string_view("other"));
  EXPECT_THAT(weights({"get", "yolov3-tiny"}).error, HasSubstr("has 5 bytes"));
  EXPECT_FALSE(storage::exists(file("cache/oko/weights/yolov3-tiny.weights")));
  ::setenv("OKO_WEIGHTS_URL", "http://mirror.test", 1);
  EXPECT_EQ(weights({"list"}).code, 2);
}

}  // namespace
}  // namespace oko::cli
