#include <gmock/gmock.h>

#include <cstdlib>
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

// Runs `oko import` and returns what was written.
class Models : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = folder_of("models");
    if (folder_.empty()) GTEST_SKIP() << "no cases next to OKO_DATA";
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
  EXPECT_THAT(told.error, HasSubstr("comes from a sigmoid"));
  const cli::Outcome forced = import({model, "--anchors", kYolov5Anchors, "--decoding", "yolov3"});
  EXPECT_EQ(forced.code, 2);
  EXPECT_THAT(forced.error, HasSubstr("not that of a YOLOv3, YOLOv4 or relative"));
  EXPECT_FALSE(std::filesystem::exists(made()));
}

TEST_F(Models, AFileThatDecodesLikeYolov5IsAYolov5) {
  const cli::Outcome plain = import({file("yolov5n-fp16-320.tflite")});
  ASSERT_EQ(plain.code, 0) << plain.error;
  EXPECT_THAT(plain.error, HasSubstr("taken for a YOLOv5, YOLOv7 or relative"));
  const std::string dog = std::string(std::getenv("OKO_DATA")) + "/test_images/dog.jpg";
  const cli::Outcome found =
      cli::oko_command({"detect", made(), dog, "--threshold", ".5", "--json"});
  ASSERT_EQ(found.code, 0) << found.error;
  const Json boxes = Json::parse(found.out).at("results").at(0).at("detections");
  ASSERT_EQ(boxes.size(), 2U) << found.out;
  // By YOLOv5's formula, and as its own program prepares the image.
  EXPECT_EQ(boxes[0].at("class_id"), 16);
  EXPECT_NEAR(boxes[0].at("score").get<double>(), .73, .02);
  const double corners[] = {129, 218, 319, 541};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(boxes[0].at("box").at(i).get<double>(), corners[i], 4) << i;
  }
  EXPECT_EQ(boxes[1].at("class_id"), 2);
  EXPECT_NEAR(boxes[1].at("score").get<double>(), .58, .1);
}

TEST_F(Models, BiasesMayNameTheKernelsDimension) {
  const graph::Network network = imported({file("person_detect.tflite")});
  EXPECT_EQ(network.layers.at(0).output.channels, 8);
  EXPECT_EQ(network.input, (graph::Shape{1, 96, 96}));
}

TEST_F(Models, AByteOrderMarkBeforeACfgIsSkipped) {
  EXPECT_EQ(imported({file("bom.cfg")}).heads().size(), 2U);
}

TEST_F(Models, ACfgSaysWhetherImagesAreLetterboxed) {
  using enum image::Preprocess::Fit;
  EXPECT_EQ(imported({file("lb.cfg")}).preprocess.fit, kLetterbox);
  EXPECT_THAT(import({file("lb.cfg")}).error, HasSubstr("lb.cfg:11: letter_box=1"));
  EXPECT_EQ(imported({file("sx.cfg")}).preprocess.fit, kStretch);
  EXPECT_EQ(imported({file("sx.cfg"), "--letterbox"}).preprocess.fit, kLetterbox);
  EXPECT_THAT(import({file("sx.cfg")}).error,
              HasSubstr("nms_kind=greedynms, so overlapping boxes"));
}

TEST_F(Models, ACfgMayHaveAStrideForEachDirection) {
  EXPECT_EQ(imported({file("sx.cfg")}).layers, imported({file("lb.cfg")}).layers);
}

// from=-3,-2 after a convolution of 64 channels: layers of 64 and 32.
TEST_F(Models, ASumOfSeveralLayersMayBeOfOtherWidths) {
  const graph::Network network = imported({file("mf.cfg")});
  const graph::Layer& sum = network.layers.at(4);
  EXPECT_EQ(sum.operation,
            graph::Operation(graph::Shortcut{graph::Activation::kLinear, /*unequal=*/true}));
  EXPECT_EQ(sum.inputs, (std::vector{3, 1, 2}));
  EXPECT_EQ(sum.output, (graph::Shape{64, 208, 208}));
}

TEST_F(Models, EveryOutputIsKeptThroughImportExportAndParity) {
  struct Case {
    const char* name;
    std::size_t outputs;
  };
  for (const auto& [name, outputs] :
       {Case{"slim-320_without_postprocessing.onnx", 8}, Case{"yolov8-cut-at-heads.onnx", 6}}) {
    SCOPED_TRACE(name);
    const graph::Network network = imported({file(name), "--no-heads"});
    ASSERT_EQ(network.outputs().size(), outputs);
    const cli::Outcome parity = cli::oko_command({"parity", made(), file(name)});
    EXPECT_EQ(parity.code, 0) << parity.out << parity.error;
    const bool has_opencv = parity.error.find("without OpenCV") == std::string::npos;
    if (has_opencv) {
      EXPECT_THAT(parity.out, HasSubstr("reference implementation and O"));  // it or ONNX Runtime
    }
    for (const std::string format : {"onnx", "tflite", "ncnn", "coreml", "mps", "oko"}) {
      SCOPED_TRACE(format);
      const std::string to = out_ + "/" + format;
      const cli::Outcome made_of =
          cli::oko_command({"export", made(), "--to", format, "-o", to, "--stem", "m"});
      ASSERT_EQ(made_of.code, 0) << made_of.out << made_of.error;
      if (format == "mps") continue;
      const std::string main = to + "/m." +
                               (format == "coreml" ? "mlmodel"
                                : format == "ncnn" ? "param"
                                                   : format);
      formats::ReadOptions options;
      options.raw_outputs = true;  // an .ncnn file does not say that there are no heads
      const auto back = convert::read_model(convert::open_model(main), options).network;
      EXPECT_EQ(back.outputs().size(), outputs);
    }
  }
}

TEST_F(Models, ParityRunsAForeignFileWithAnyTensorNames) {
  const std::string model = file("person_detect.tflite");
  imported({model});
  // Its int8 against oko's own reading of it, in float32.
  const cli::Outcome parity = cli::oko_command({"parity", made(), model, "--tolerance", "0.02"});
  EXPECT_EQ(parity.code, 0) << parity.out << parity.error;
  const bool has_arm_nn = parity.error.find("built without Arm NN") == std::string::npos;
  if (has_arm_nn) {
    EXPECT_THAT(parity.out, HasSubstr("Arm NN"));
  }
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

TEST_F(Models, AnNcnnFileMayCropToItsOwnSizeAndNotFixTheInput) {
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
