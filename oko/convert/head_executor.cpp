#include "oko/convert/head_executor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "oko/base/error.h"

namespace oko::convert {
namespace {

using formats::HeadPart;
using formats::Passed;

// The largest float below 1, and a small one whose logarithm is not far below every real score's:
// int8 files have zeros and ones.
constexpr float kMost = 1 - std::numeric_limits<float>::epsilon() / 2, kLeast = 1e-30F;

float before_passing(float value, Passed passed) {
  if (passed == Passed::kNothing || !std::isfinite(value)) return value;
  const float share = std::clamp(value, kLeast, kMost);
  return passed == Passed::kSoftmax ? std::log(share) : std::log(share) - std::log1p(-share);
}

class HeadExecutor : public Executor {
 public:
  HeadExecutor(std::unique_ptr<Executor> file, std::vector<std::string> keys,
               const graph::Network& network, std::vector<std::vector<HeadPart>> parts)
      : file_(std::move(file)), keys_(std::move(keys)), parts_(std::move(parts)) {
    for (const int output : network.outputs()) {
      const graph::Shape& shape = network.layers[output].output;
      planes_.push_back(static_cast<std::size_t>(shape.height) *
                        static_cast<std::size_t>(shape.width));
    }
  }

  std::string name() const override { return file_->name(); }
  graph::Precision arithmetic() const override { return file_->arithmetic(); }

  std::vector<std::vector<float>> run(std::span<const float> input) override {
    const std::vector<std::vector<float>> values = file_->run(input);
    std::vector<std::vector<float>> heads;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      std::vector<float>& head = heads.emplace_back();
      for (const HeadPart& part : parts_[i]) add(part, values, planes_[i], head);
    }
    return heads;
  }

  std::vector<std::vector<Passed>> passed() const override {
    std::vector<std::vector<Passed>> all;
    for (const auto& head : parts_) {
      std::vector<Passed>& channels = all.emplace_back();
      for (const HeadPart& part : head) {
        channels.insert(channels.end(), part.channels.size(), part.passed);
      }
    }
    return all;
  }

 private:
  void add(const HeadPart& part, const std::vector<std::vector<float>>& values, std::size_t plane,
           std::vector<float>& head) const {
    const auto key = static_cast<std::size_t>(std::ranges::find(keys_, part.key) - keys_.begin());
    if (key >= values.size()) {
      throw input_error(name(), "does not compute the output " + part.key);
    }
    for (const int channel : part.channels) {
      const std::size_t first = static_cast<std::size_t>(channel) * plane;
      if (first + plane > values[key].size()) {
        throw input_error(name(), "its output " + part.key + " is too small");
      }
      for (std::size_t i = first; i < first + plane; ++i) {
        head.push_back(before_passing(values[key][i], part.passed));
      }
    }
  }

  std::unique_ptr<Executor> file_;
  std::vector<std::string> keys_;
  std::vector<std::vector<HeadPart>> parts_;
  std::vector<std::size_t> planes_;  // cells of each head
};

// The softmax over the channels from `begin` to `end` of each cell.
void pass_softmax(std::vector<float>& values, std::size_t begin, std::size_t end,
                  std::size_t plane) {
  for (std::size_t cell = 0; cell < plane; ++cell) {
    const auto at = [&](std::size_t channel) -> float& { return values[channel * plane + cell]; };
    float most = -std::numeric_limits<float>::infinity(), sum = 0;
    for (std::size_t c = begin; c < end; ++c) most = std::max(most, at(c));
    for (std::size_t c = begin; c < end; ++c) sum += at(c) = std::exp(at(c) - most);
    for (std::size_t c = begin; c < end; ++c) at(c) /= sum;
  }
}

}  // namespace

std::unique_ptr<Executor> with_heads(std::unique_ptr<Executor> file, std::vector<std::string> keys,
                                     const graph::Network& network,
                                     std::vector<std::vector<HeadPart>> parts) {
  return std::make_unique<HeadExecutor>(std::move(file), std::move(keys), network,
                                        std::move(parts));
}

std::vector<float> after_passing(std::vector<float> values, const std::vector<Passed>& passed) {
  if (passed.empty() || values.size() % passed.size() != 0) return values;
  const std::size_t plane = values.size() / passed.size();
  for (std::size_t c = 0; c < passed.size(); ++c) {
    if (passed[c] == Passed::kSigmoid) {
      for (std::size_t i = c * plane; i < (c + 1) * plane; ++i) {
        values[i] = 1 / (1 + std::exp(-values[i]));
      }
    } else if (passed[c] == Passed::kSoftmax) {
      const std::size_t begin = c;
      while (c + 1 < passed.size() && passed[c + 1] == Passed::kSoftmax) ++c;
      pass_softmax(values, begin, c + 1, plane);
    }
  }
  return values;
}

}  // namespace oko::convert
