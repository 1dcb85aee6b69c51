#include "oko/convert/onnx/opencv.h"

#ifdef OKO_OPENCV_DNN
#include <algorithm>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/dnn.hpp>
#include <utility>

#include "oko/base/error.h"
#include "oko/formats/onnx.h"
#endif

namespace oko::convert {

#ifdef OKO_OPENCV_DNN
namespace {

// OpenCV also prints the errors it throws.
class Quiet {
 public:
  Quiet() : before_(cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT)) {}
  ~Quiet() { cv::utils::logging::setLogLevel(before_); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  cv::utils::logging::LogLevel before_;
};

class OpenCv : public Executor {
 public:
  OpenCv(const Bytes& file, std::string name)
      : file_(formats::with_onnx_padding_apart(file, name)),
        name_(std::move(name)),
        signature_(formats::onnx_signature(file, name_)),
        net_(guarded([&] { return read(file_.span()); })) {}

  std::string name() const override { return std::string("OpenCV DNN ") + CV_VERSION; }
  graph::Precision arithmetic() const override {
    return signature_.in_bytes ? graph::Precision::kInt8 : graph::Precision::kFloat32;
  }

  std::vector<std::vector<float>> run(std::span<const float> input) override {
    return guarded([&] { return forward(net_, input, signature_.outputs); });
  }

  std::map<std::string, std::vector<float>> run_layers(std::span<const float> input) override {
    std::vector<std::string> maps, inside;
    for (const auto& layer : signature_.layers) {
      maps.push_back(layer.name);
      if (std::ranges::count(signature_.outputs, layer.name) == 0) inside.push_back(layer.name);
    }
    return guarded([&] {
      if (inside_.empty()) inside_ = read(formats::with_onnx_outputs(file_, inside, true));
      std::vector<std::vector<float>> values = forward(inside_, input, maps);
      std::map<std::string, std::vector<float>> by_layer;
      for (std::size_t i = 0; i < maps.size(); ++i) {
        by_layer[signature_.layers[i].layer] = std::move(values[i]);
      }
      return by_layer;
    });
  }

 private:
  template <typename Call>
  auto guarded(const Call& call) const -> decltype(call()) {
    const Quiet quiet;
    try {
      return call();
    } catch (const cv::Exception& error) {
      if (error.err.find("FLOAT16") != std::string::npos) {
        throw Error(ErrorCode::kFailed, "OpenCV", "does not read float16 kernels");
      }
      throw input_error(name_, "OpenCV rejects the model: " + error.err,
                        "run it in ONNX Runtime instead");
    }
  }

  static cv::dnn::Net read(std::span<const std::byte> bytes) {
    return cv::dnn::readNetFromONNX(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

  std::vector<std::vector<float>> forward(cv::dnn::Net& net, std::span<const float> input,
                                          const std::vector<std::string>& names) const {
    const graph::Shape& shape = signature_.shape;
    if (input.size() != static_cast<std::size_t>(shape.count())) {
      throw input_error(name_, "the input has " + std::to_string(input.size()) +
                                   " values, the model expects " + graph::to_string(shape));
    }
    const int sides[] = {1, shape.channels, shape.height, shape.width};
    net.setInput(cv::Mat(4, sides, CV_32F, const_cast<float*>(input.data())), signature_.input);
    std::vector<cv::Mat> maps;
    net.forward(maps, std::vector<cv::String>(names.begin(), names.end()));
    std::vector<std::vector<float>> result;
    for (const cv::Mat& map : maps) {
      const float* first = map.ptr<float>();
      result.emplace_back(first, first + map.total());
    }
    return result;
  }

  Bytes file_;
  std::string name_;
  formats::OnnxSignature signature_;
  cv::dnn::Net net_, inside_;
};

}  // namespace

std::unique_ptr<Executor> make_opencv_onnx(const Bytes& file, const std::string& name,
                                           std::string*) {
  return std::make_unique<OpenCv>(file, name);
}
#else
std::unique_ptr<Executor> make_opencv_onnx(const Bytes&, const std::string&, std::string* why) {
  if (why != nullptr) *why = "oko was built without OpenCV's DNN module (libopencv-dnn-dev)";
  return nullptr;
}
#endif

}  // namespace oko::convert
