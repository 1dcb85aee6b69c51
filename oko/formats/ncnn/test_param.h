#pragma once

#include <cstddef>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "oko/base/random.h"
#include "oko/formats/ncnn.h"

namespace oko::formats {

// A .param and its .bin, line by line, with random kernels.
class TestParam {
 public:
  // `size` as settings, "" for none.
  explicit TestParam(const std::string& size) { line("Input", "image", {}, {"image"}, size); }

  std::string line(const std::string& kind, const std::string& name,
                   const std::vector<std::string>& from, const std::vector<std::string>& to,
                   const std::string& settings = {}) {
    text_ +=
        kind + " " + name + " " + std::to_string(from.size()) + " " + std::to_string(to.size());
    for (const std::string& blob : from) text_ += " " + blob;
    for (const std::string& blob : to) text_ += " " + blob;
    text_ += " " + settings + "\n";
    ++lines_;
    return to.front();
  }
  // A layer whose blob has its name.
  std::string one(const std::string& kind, const std::string& name,
                  const std::vector<std::string>& from, const std::string& settings = {}) {
    return line(kind, name, from, {name}, settings);
  }

  // Of 1x1, with a bias; `activation` as setting 9.
  std::string convolution(const std::string& name, const std::string& from, int in, int filters,
                          int stride, int activation = 0) {
    add_flag();
    add(random_values(in * filters));
    add(random_values(filters));
    return one("Convolution", name, {from},
               "0=" + std::to_string(filters) + " 1=1 3=" + std::to_string(stride) +
                   " 5=1 6=" + std::to_string(in * filters) + " 9=" + std::to_string(activation));
  }
  // Of 2x2, to twice the sides.
  std::string deconvolution(const std::string& name, const std::string& from, int channels) {
    add_flag();
    add(random_values(4 * channels * channels));
    add(random_values(channels));
    return one("Deconvolution", name, {from},
               "0=" + std::to_string(channels) +
                   " 1=2 3=2 5=1 6=" + std::to_string(4 * channels * channels));
  }
  std::string weighted_sum(const std::string& name, const std::string& from, int bins) {
    add_flag();
    std::vector<float> kernel(static_cast<std::size_t>(bins));
    std::iota(kernel.begin(), kernel.end(), 0.F);
    add(kernel);
    return one("Convolution", name, {from}, "0=1 1=1 5=0 6=" + std::to_string(bins));
  }
  std::string memory(const std::string& name, const std::string& settings,
                     const std::vector<float>& values) {
    add(values);
    return one("MemoryData", name, {}, settings);
  }

  std::string param() const {
    return "7767517\n" + std::to_string(lines_) + " " + std::to_string(lines_) + "\n" + text_;
  }
  Bytes bin() const { return Bytes(bin_); }
  Imported read(std::optional<image::Size> size = {}) const {
    return read_ncnn(param(), bin(), "m", size);
  }

 private:
  void add(const std::vector<float>& values) {
    const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
    bin_.insert(bin_.end(), bytes, bytes + values.size() * sizeof(float));
  }
  void add_flag() { bin_.resize(bin_.size() + 4); }
  std::vector<float> random_values(int count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = static_cast<float>(random_.uniform(-1, 1));
    return values;
  }

  Random random_{3};
  std::string text_;
  std::vector<std::byte> bin_;
  int lines_ = 0;
};

}  // namespace oko::formats
