#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "oko/cli/test_command.h"
#include "oko/convert/read.h"
#include "oko/formats/darknet.h"
#include "oko/graph/oko_file.h"
#include "oko/storage/store.h"
#include "tests/cases/support.h"

namespace oko::cases {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Runs `oko import` and gives what was written.
class Models : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = folder_of("models");
    if (folder_.empty()) GTEST_SKIP() << "no cases beside OKO_DATA";
    out_ = ::testing::TempDir() + "oko_models_" +
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(out_);
    std::filesystem::create_directories(out_);
  }
  void TearDown() override {
    if (!out_.empty()) std::filesystem::remove_all(out_);
  }

  std::string file(const std::string& name) const { return folder_ + "/" + name; }
  std::string made() const { return out_ + "/made.oko"; }

  cli::Outcome import(std::vector<std::string> words) const {
    words.insert(words.begin(), "import");
    words.insert(words.end(), {"-o", made()});
    return cli::oko_command(words);
  }
  graph::Network imported(const std::vector<std::string>& words) const {
    const cli::Outcome outcome = import(words);
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    if (outcome.code != 0) return {};
    return graph::read_oko(storage::map(made()), made()).network;
  }

  std::string folder_, out_;
};

constexpr const char* kYolov5Anchors =
    "10,13,16,30,33,23,30,61,62,45,59,119,116,90,156,198,373,326";

TEST_F(Models, HeadsThatEndInASigmoidGetNoAnchors) {
  const std::string model = file("yolov5n-fp16-320.tflite");
  const cli::Outcome told = import({model, "--anchors", kYolov5Anchors});
  EXPECT_EQ(told.code, 3);
  EXPECT_THAT(told.error, HasSubstr("has passed a sigmoid"));
  const cli::Outcome forced = import({model, "--anchors", kYolov5Anchors, "--decoding", "yolov3"});
  EXPECT_EQ(forced.code, 3);
  EXPECT_FALSE(std::filesystem::exists(made()));
  const cli::Outcome plain = import({model});
  EXPECT_EQ(plain.code, 2);
  EXPECT_THAT(plain.error, HasSubstr("has passed a sigmoid"));
}

TEST_F(Models, BiasesMayNameTheKernelsDimension) {
  const graph::Network network = imported({file("person_detect.tflite")});
  EXPECT_EQ(network.layers.at(0).output.channels, 8);
  EXPECT_EQ(network.input, (graph::Shape{1, 96, 96}));
}

TEST_F(Models, AByteOrderMarkBeforeACfgIsNoPartOfIt) {
  EXPECT_EQ(imported({file("bom.cfg")}).heads().size(), 2U);
}

// Zeros for the weights of a .param: a flag, kernel and bias of each convolution.
void write_zeros_for(const std::string& param, const std::string& bin) {
  std::istringstream lines(storage::read_text(param));
  std::size_t words = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("Convolution")) continue;
    words += 1 + std::stoul(line.substr(line.find(" 0=") + 3)) +
             std::stoul(line.substr(line.find(" 6=") + 3));
  }
  std::ofstream(bin, std::ios::binary) << std::string(4 * words, '\0');
}

TEST_F(Models, AnNcnnFileMayCropToTheMapsOwnSizeAndLeaveTheInputOpen) {
  const std::string param = file("yolov4-tiny.param"), bin = out_ + "/zeros.bin";
  write_zeros_for(param, bin);
  const graph::Network network = imported({param, "--weights", bin});
  EXPECT_EQ(network.input, (graph::Shape{3, 416, 416}));
  ASSERT_EQ(network.heads().size(), 2U);
  EXPECT_EQ(network.class_count(), 80);

  std::string text = storage::read_text(param);
  const std::string sizes = " -23330=4,3,416,416,3 0=416 1=416 2=3";
  ASSERT_NE(text.find(sizes), text.npos);
  text.replace(text.find(sizes), sizes.size(), "");
  const std::string open = out_ + "/open.param";
  std::ofstream(open) << text;
  EXPECT_THAT(import({open, bin}).error, HasSubstr("--size"));
  EXPECT_EQ(imported({open, bin, "--size", "416"}).input, (graph::Shape{3, 416, 416}));
}

}  // namespace
}  // namespace oko::cases
