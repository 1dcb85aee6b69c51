#include <opencv2/dnn.hpp>

#include "contender.h"

namespace oko::bench {
namespace {

class OpenCv : public Contender {
 public:
  explicit OpenCv(const Job& job) : input_(job.input) {
    cv::setNumThreads(job.threads);
    net_ = cv::dnn::readNetFromDarknet(job.file("darknet.cfg"), job.file("darknet.weights"));
    const int sides[] = {1, job.shape.channels, job.shape.height, job.shape.width};
    blob_ = cv::Mat(4, sides, CV_32F, input_.data());
    if (job.precision == "int8") net_ = net_.quantize(blob_, CV_32F, CV_32F);
    names_ = net_.getUnconnectedOutLayersNames();
    net_.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
    net_.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
  }

  void run() override {
    net_.setInput(blob_);
    net_.forward(maps_, names_);
  }

  std::vector<std::vector<float>> heads() override {
    std::vector<std::vector<float>> heads;
    for (const cv::Mat& map : maps_) {
      heads.emplace_back(map.ptr<float>(), map.ptr<float>() + map.total());
    }
    return heads;
  }

 private:
  std::vector<float> input_;
  cv::Mat blob_;
  cv::dnn::Net net_;
  std::vector<cv::String> names_;
  std::vector<cv::Mat> maps_;
};

}  // namespace
}  // namespace oko::bench

int main(int argc, char** argv) {
  return oko::bench::serve(
      argc, argv, [](const auto& job) { return std::make_unique<oko::bench::OpenCv>(job); });
}
