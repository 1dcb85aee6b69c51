#include <net.h>

#include <algorithm>
#include <stdexcept>

#include "contender.h"

namespace oko::bench {
namespace {

class Ncnn : public Contender {
 public:
  explicit Ncnn(const Job& job) : maps_(job.heads) {
    net_.opt.num_threads = job.threads;
    // In int8 its direct convolutions are faster and, with 8-bit kernels, more accurate.
    net_.opt.use_winograd_convolution = job.precision == "fp32";
    net_.opt.blob_allocator = &blobs_;
    net_.opt.workspace_allocator = &workspace_;
    if (net_.load_param(job.file(job.precision + ".param").c_str()) != 0 ||
        net_.load_model(job.file(job.precision + ".bin").c_str()) != 0) {
      throw std::runtime_error("ncnn rejects the model");
    }
    const graph::Shape shape = job.shape;
    input_.create(shape.width, shape.height, shape.channels);
    const std::ptrdiff_t area = std::ptrdiff_t{shape.width} * shape.height;
    for (int c = 0; c < shape.channels; ++c) {
      const float* plane = job.input.data() + c * area;
      std::copy(plane, plane + area, static_cast<float*>(input_.channel(c)));
    }
  }

  void run() override {
    ncnn::Extractor extractor = net_.create_extractor();
    extractor.input("data", input_);
    for (std::size_t h = 0; h < maps_.size(); ++h) {
      if (extractor.extract(("head" + std::to_string(h)).c_str(), maps_[h]) != 0) {
        throw std::runtime_error("ncnn failed");
      }
    }
  }

  std::vector<std::vector<float>> heads() override {
    std::vector<std::vector<float>> heads;
    for (const ncnn::Mat& map : maps_) {
      const ncnn::Mat plain = map.reshape(map.w * map.h * map.c);
      const float* first = plain;
      heads.emplace_back(first, first + plain.w);
    }
    return heads;
  }

 private:
  ncnn::UnlockedPoolAllocator blobs_;
  ncnn::PoolAllocator workspace_;
  ncnn::Net net_;
  ncnn::Mat input_;
  std::vector<ncnn::Mat> maps_;
};

}  // namespace
}  // namespace oko::bench

int main(int argc, char** argv) {
  return oko::bench::serve(argc, argv,
                           [](const auto& job) { return std::make_unique<oko::bench::Ncnn>(job); });
}
