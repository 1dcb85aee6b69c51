#include <gmock/gmock.h>

#include "oko/base/command.h"
#include "oko/convert/compare.h"
#include "oko/convert/onnx/onnx_runtime.h"
#include "oko/convert/onnx/opencv.h"
#include "oko/formats/onnx.h"
#include "oko/runtime/engine.h"
#include "oko/runtime/test_weights.h"
#include "oko/storage/store.h"
#include "oko/storage/temporary.h"

// Files of an independent writer (Python's onnx package), in the styles of several exporters: our
// engine computes the same from them as OpenCV and ONNX Runtime do.
namespace oko::convert {
namespace {

std::string python_with_onnx() {
  for (const char* python : {"python3", "/usr/bin/python3"}) {
    if (run_command({.words = {python, "-c", "import onnx"}}).code == 0) return python;
  }
  return "";
}

class OnnxExported : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string python = python_with_onnx();
    if (python.empty()) GTEST_SKIP() << "no Python with the onnx package (python3-onnx)";
    const CommandResult made = run_command({.words = {python, OKO_MAKE_MODELS, scratch_.file("")}});
    ASSERT_EQ(made.code, 0) << made.errors;
    file_ = storage::read(scratch_.file(std::string(GetParam()) + ".onnx"));
    imported_ = formats::read_onnx(file_, GetParam());
    ASSERT_EQ(imported_.outputs.size(), 2U);
    formats::add_heads(imported_,
                       {{{3, 4}, {5, 6}, {7, 8}, {9, 10}}, {}, formats::Family::kYoloV3});
    input_ = runtime::random_numbers(3 * 32 * 32, 4);
    const auto engine = runtime::make_engine(imported_.network, {.threads = 1});
    const auto maps = engine->run(input_, 1);
    for (const detect::HeadMap map : maps[0]) ours_.emplace_back(map.begin(), map.end());
  }

  // The raw outputs besides the decoded ones; the input in the file's layout.
  void expect_the_same(Executor& executor) const {
    std::vector<float> input = input_;
    if (std::string(GetParam()) == "tensorflow") {  // channels last
      for (std::size_t i = 0; i < input.size(); ++i) input[i] = input_[i % 3 * 1024 + i / 3];
    }
    const auto maps = executor.run(input);
    ASSERT_EQ(maps.size(), 4U);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_LT(largest_difference(ours_[i], maps[2 + i]), 1e-5) << executor.name() << " " << i;
      EXPECT_GT(largest_magnitude(ours_[i]), .1F);
    }
  }

  static std::vector<std::string> heads() { return {"head0:0", "head1:0"}; }

  storage::TemporaryFolder scratch_;
  Bytes file_;
  formats::Imported imported_;
  std::vector<float> input_;
  std::vector<std::vector<float>> ours_;
};

TEST_P(OnnxExported, ComputesWhatOpenCvComputes) {
  std::string why;
  const auto executor =
      make_opencv_onnx(Bytes(formats::with_onnx_outputs(file_, heads(), true)), "file", &why);
  if (executor == nullptr) GTEST_SKIP() << why;
  expect_the_same(*executor);
}

TEST_P(OnnxExported, ComputesWhatOnnxRuntimeComputes) {
  std::string why;
  const auto executor =
      make_onnx_runtime(Bytes(formats::with_onnx_outputs(file_, heads())), "file", &why);
  if (executor == nullptr) GTEST_SKIP() << why;
  expect_the_same(*executor);
}

TEST_P(OnnxExported, ReportsWhatWasSkipped) {
  EXPECT_THAT(imported_.notes.front(), ::testing::HasSubstr("post-processing dropped from "));
  EXPECT_EQ(imported_.network.name, "exported");
}

INSTANTIATE_TEST_SUITE_P(Files, OnnxExported, ::testing::Values("pytorch", "tensorflow", "old"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace oko::convert
