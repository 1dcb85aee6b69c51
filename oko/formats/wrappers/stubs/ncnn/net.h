// What the wrapper uses of ncnn, for machines that do not have it: maps, and networks that cannot
// be loaded.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

namespace ncnn {

class Mat {
 public:
  int w = 0, h = 0, c = 0;

  Mat() = default;
  Mat(int width, int height, int channels)
      : w(width),
        h(height),
        c(channels),
        values_(std::make_shared<std::vector<float>>(std::size_t(width) * std::size_t(height) *
                                                     std::size_t(channels))),
        first_(values_->data()) {}

  void fill(float value) { std::fill(values_->begin(), values_->end(), value); }
  Mat channel(int index) const {
    Mat plane = *this;
    plane.c = 1;
    plane.first_ = first_ + std::ptrdiff_t{index} * w * h;
    return plane;
  }
  float* row(int y) const { return first_ + std::ptrdiff_t{y} * w; }
  operator float*() const { return first_; }
  operator const float*() const { return first_; }

 private:
  std::shared_ptr<std::vector<float>> values_;
  float* first_ = nullptr;
};

class Extractor {
 public:
  int input(const char*, const Mat&) { return -1; }
  int extract(const char*, Mat&) { return -1; }
};

class Net {
 public:
  int load_param(const char*) { return -1; }
  int load_model(const char*) { return -1; }
  Extractor create_extractor() const { return {}; }
};

}  // namespace ncnn
