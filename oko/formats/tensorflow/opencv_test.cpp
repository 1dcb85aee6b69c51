// OpenCV's own reader of TensorFlow graphs runs the files that our tests read.
#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>

#include "oko/formats/keras/testing/against_darknet.h"
#include "oko/formats/tensorflow.h"

namespace oko::formats {
namespace {

// Runs a frozen graph in OpenCV and returns its tensor `output`, planar. OpenCV folds biases into
// convolutions and names the tensor after these.
std::vector<float> run_opencv(const Bytes& file, const std::vector<float>& input,
                              const graph::Shape& shape, const std::string& output) {
  cv::dnn::Net net = cv::dnn::readNetFromTensorflow(file.text().data(), file.size());
  const std::vector<int> sides{1, shape.channels, shape.height, shape.width};
  cv::Mat blob(sides, CV_32F);
  std::copy(input.begin(), input.end(), blob.ptr<float>());
  net.setInput(blob);
  const cv::Mat map = net.forward(output);
  return {map.ptr<float>(), map.ptr<float>() + map.total()};
}

TEST(ReadTensorflow, ComputesWhatOpencvComputes) {
  OKO_NEEDS_REFERENCE_MODELS();
  OKO_NEEDS_PYTHON("numpy");
  struct Case {
    const reference::GoldenModel* model;
    const char* flags;
    std::vector<std::string> outputs;
  };
  const auto& models = reference::golden_models();
  for (const Case& c : {Case{&models[4], "", {"layer32/conv"}},
                        Case{&models[0], "bias-add", {"layer120/conv", "layer129/conv"}}}) {
    SCOPED_TRACE(c.model->name);
    const Bytes file = converted("tensorflow/testing/write_darknet.py", c.model->name, c.flags);
    const graph::Network network =
        with_heads_of(read_tensorflow(file, "m.pb"), darknet_original(c.model->name));
    const std::vector<float> input = golden_input(*c.model);
    const auto engine = runtime::make_engine(network, {.threads = 2});
    const auto maps = engine->run(input, 1)[0];
    ASSERT_EQ(maps.size(), c.outputs.size());
    for (std::size_t h = 0; h < maps.size(); ++h) {
      EXPECT_LT(reference::largest_difference(maps[h],
                                              run_opencv(file, input, network.input, c.outputs[h])),
                1e-3)
          << c.outputs[h];
    }
  }
}

}  // namespace
}  // namespace oko::formats
