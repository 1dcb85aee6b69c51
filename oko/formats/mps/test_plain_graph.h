// For tests: runs a plan as Metal Performance Shaders would, according to its documentation, from
// the bytes of the weights file. Images are rows x columns x channels.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "oko/base/half.h"
#include "oko/formats/mps/plan.h"

namespace oko::formats::mps {

struct PlainImage {
  graph::Shape shape;
  std::vector<float> values;

  PlainImage() = default;
  explicit PlainImage(const graph::Shape& s)
      : shape(s), values(static_cast<std::size_t>(s.count())) {}
  float* pixel(int y, int x) {
    return values.data() + (std::ptrdiff_t{y} * shape.width + x) * shape.channels;
  }
  const float* pixel(int y, int x) const { return const_cast<PlainImage*>(this)->pixel(y, x); }
  bool has(int y, int x) const { return y >= 0 && y < shape.height && x >= 0 && x < shape.width; }
};

class PlainGraph {
 public:
  PlainGraph(const Plan& plan, std::span<const std::byte> weights) : plan_(plan), file_(weights) {}

  // Planar values in and out, as everywhere else in oko.
  std::vector<std::vector<float>> run(std::span<const float> planar) {
    input_ = PlainImage(plan_.input);
    copy(planar, input_);
    images_.clear();
    for (const MpsNode& node : plan_.nodes) {
      node_ = &node;
      images_.push_back(make());
    }
    std::vector<std::vector<float>> maps;
    for (const int output : plan_.outputs) {
      maps.push_back(planar_of(images_[output]));
    }
    return maps;
  }

 private:
  static std::size_t at(const graph::Shape& s, int c, int y, int x) {
    return (static_cast<std::size_t>(c) * static_cast<std::size_t>(s.height) +
            static_cast<std::size_t>(y)) *
               static_cast<std::size_t>(s.width) +
           static_cast<std::size_t>(x);
  }
  template <typename Body>
  static void for_pixels(const graph::Shape& shape, const Body& body) {
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) body(y, x);
    }
  }
  static void copy(std::span<const float> planar, PlainImage& image) {
    for_pixels(image.shape, [&](int y, int x) {
      for (int c = 0; c < image.shape.channels; ++c) {
        image.pixel(y, x)[c] = planar[at(image.shape, c, y, x)];
      }
    });
  }
  static std::vector<float> planar_of(const PlainImage& image) {
    std::vector<float> planar(image.values.size());
    for_pixels(image.shape, [&](int y, int x) {
      for (int c = 0; c < image.shape.channels; ++c) {
        planar[at(image.shape, c, y, x)] = image.pixel(y, x)[c];
      }
    });
    return planar;
  }

  const PlainImage& in(std::size_t i = 0) const {
    const int from = node_->inputs[i];
    return from == kGraphInput ? input_ : images_[from];
  }

  template <typename T>
  T number(std::size_t offset) const {
    EXPECT_LE(offset + sizeof(T), file_.size());
    T value;
    std::memcpy(&value, file_.data() + offset, sizeof value);
    return value;
  }
  // Kernel (part 0) or bias (part 1) of a layer, as the Swift source finds them.
  std::vector<float> numbers(int layer, std::size_t part) const {
    EXPECT_EQ(std::memcmp(file_.data(), "oko-mps\n", 8), 0);
    EXPECT_EQ(number<std::uint64_t>(24), file_.size());
    EXPECT_LT(static_cast<std::uint64_t>(layer), number<std::uint64_t>(16));
    const std::size_t entry = 32 + 32 * static_cast<std::size_t>(layer) + 16 * part;
    const auto offset = number<std::uint64_t>(entry), count = number<std::uint64_t>(entry + 8);
    EXPECT_EQ(offset % 16, 0U);
    std::vector<float> values(count);
    const bool half = part == 0 && number<std::uint32_t>(12) == 16;
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = half ? to_float(Half{number<std::uint16_t>(offset + 2 * i)})
                       : number<float>(offset + 4 * i);
    }
    return values;
  }

  static float neuron(const Neuron& n, float x) {
    switch (n.type) {
      case Neuron::Type::kNone:
        return x;
      case Neuron::Type::kRelu:
        return x >= 0 ? x : n.a * x;
      case Neuron::Type::kReluN:
        return std::min(x >= 0 ? x : n.a * x, n.b);
      case Neuron::Type::kSigmoid:
        return 1 / (1 + std::exp(-x));
      case Neuron::Type::kSoftPlus:
        return n.a * std::log(1 + std::exp(n.b * x));
      case Neuron::Type::kTanH:
        return n.a * std::tanh(n.b * x);
      case Neuron::Type::kHardSigmoid:
        return std::clamp(n.a * x + n.b, 0.F, 1.F);
      case Neuron::Type::kElu:
        return x > 0 ? x : n.a * std::expm1(x);
    }
    return x;
  }

  // Calls body(ky, kx, row, column) for the window of an output pixel: its centre lies at offset +
  // stride · pixel, its left edge half its width, rounded down, before that.
  template <typename Body>
  void for_window(int y, int x, const Body& body) const {
    const int top = node_->offset_y + node_->stride * y - node_->size_y / 2;
    const int left = node_->offset_x + node_->stride * x - node_->size_x / 2;
    for (int ky = 0; ky < node_->size_y; ++ky) {
      for (int kx = 0; kx < node_->size_x; ++kx) body(ky, kx, top + ky, left + kx);
    }
  }

  static float dot(const float* a, const float* b, int count) {
    float sums[8] = {};
    int i = 0;
    for (; i + 8 <= count; i += 8) {
      for (int k = 0; k < 8; ++k) sums[k] += a[i + k] * b[i + k];
    }
    float sum = 0;
    for (; i < count; ++i) sum += a[i] * b[i];
    for (const float s : sums) sum += s;
    return sum;
  }

  PlainImage convolve(bool depthwise) const {
    const PlainImage& source = in();
    const int channels = source.shape.channels, filters = node_->output.channels;
    EXPECT_EQ(channels, node_->channels);
    EXPECT_TRUE(!depthwise || filters == channels) << "channelMultiplier is 1";
    const int groups = depthwise ? channels : node_->groups, depth = channels / groups;
    if (groups > 1 && !depthwise) {
      EXPECT_EQ(depth % 4, 0) << node_->name;
      EXPECT_EQ(filters / groups % 4, 0) << node_->name;
    }
    const std::vector<float> kernel = numbers(node_->weights, 0), bias = numbers(node_->weights, 1);
    PlainImage result(node_->output);
    for_pixels(result.shape, [&](int y, int x) {
      float* to = result.pixel(y, x);
      std::copy(bias.begin(), bias.end(), to);
      for_window(y, x, [&](int ky, int kx, int row, int column) {
        if (!source.has(row, column)) return;  // edges are zero
        const float* from = source.pixel(row, column);
        for (int f = 0; f < filters; ++f) {
          const std::ptrdiff_t first =
              ((std::ptrdiff_t{f} * node_->size_y + ky) * node_->size_x + kx) * depth;
          to[f] += dot(kernel.data() + first, from + f / (filters / groups) * depth, depth);
        }
      });
      for (int f = 0; f < filters; ++f) to[f] = neuron(node_->neuron, to[f]);
    });
    return result;
  }

  // Of maxima edges are clamped.
  PlainImage pool(bool average) const {
    const PlainImage& source = in();
    const graph::Shape& shape = source.shape;
    PlainImage result(node_->output);
    for_pixels(result.shape, [&](int y, int x) {
      for (int c = 0; c < shape.channels; ++c) {
        float best = -std::numeric_limits<float>::infinity(), sum = 0;
        int inside = 0;
        for_window(y, x, [&](int, int, int row, int column) {
          const float value = source.pixel(std::clamp(row, 0, shape.height - 1),
                                           std::clamp(column, 0, shape.width - 1))[c];
          best = std::max(best, value);
          if (!source.has(row, column)) return;
          sum += value;
          ++inside;
        });
        const int count = node_->shrinks ? inside : node_->size_x * node_->size_y;
        result.pixel(y, x)[c] = average ? sum / static_cast<float>(count) : best;
      }
    });
    return result;
  }

  PlainImage concatenate() const {
    PlainImage result(node_->output);
    for_pixels(result.shape, [&](int y, int x) {
      float* to = result.pixel(y, x);
      for (std::size_t i = 0; i < node_->inputs.size(); ++i) {
        const int count = in(i).shape.channels;
        EXPECT_TRUE(count % 4 == 0 || i + 1 == node_->inputs.size()) << node_->name;
        to = std::copy_n(in(i).pixel(y, x), count, to);
      }
    });
    return result;
  }

  template <typename Combine>
  PlainImage combine(const Combine& two) const {
    PlainImage result(node_->output);
    for (std::size_t i = 0; i < result.values.size(); ++i) {
      result.values[i] = two(in(0).values[i], in(node_->inputs.size() - 1).values[i]);
    }
    return result;
  }

  PlainImage softmax() const {
    PlainImage result = in();
    for_pixels(result.shape, [&](int y, int x) {
      const std::span<float> pixel(result.pixel(y, x),
                                   static_cast<std::size_t>(result.shape.channels));
      const float most = *std::ranges::max_element(pixel);
      float sum = 0;
      for (float& v : pixel) sum += v = std::exp(v - most);
      for (float& v : pixel) v /= sum;
    });
    return result;
  }

  PlainImage upsample() const {
    PlainImage result(node_->output);
    for_pixels(result.shape, [&](int y, int x) {
      std::copy_n(in().pixel(y / node_->scale_y, x / node_->scale_x), result.shape.channels,
                  result.pixel(y, x));
    });
    return result;
  }

  // Bilinear, corner pixels on corner pixels.
  PlainImage interpolate() const {
    PlainImage result(node_->output);
    const auto place = [](int i, int from, int to) {
      return to > 1
                 ? static_cast<float>(i) * static_cast<float>(from - 1) / static_cast<float>(to - 1)
                 : 0.F;
    };
    for_pixels(result.shape, [&](int y, int x) {
      const float row = place(y, in().shape.height, result.shape.height);
      const float column = place(x, in().shape.width, result.shape.width);
      const int top = static_cast<int>(row), left = static_cast<int>(column);
      const int bottom = std::min(top + 1, in().shape.height - 1);
      const int right = std::min(left + 1, in().shape.width - 1);
      const float down = row - static_cast<float>(top), across = column - static_cast<float>(left);
      for (int c = 0; c < result.shape.channels; ++c) {
        const float a =
            in().pixel(top, left)[c] * (1 - across) + in().pixel(top, right)[c] * across;
        const float b =
            in().pixel(bottom, left)[c] * (1 - across) + in().pixel(bottom, right)[c] * across;
        result.pixel(y, x)[c] = a * (1 - down) + b * down;
      }
    });
    return result;
  }

  PlainImage make() const {
    switch (node_->kind) {
      case Kind::kConvolution:
        return convolve(false);
      case Kind::kDepthwise:
        return convolve(true);
      case Kind::kMaxPool:
        return pool(false);
      case Kind::kAveragePool:
        return pool(true);
      case Kind::kUpsample:
        return upsample();
      case Kind::kInterpolate:
        return interpolate();
      case Kind::kConcatenate:
        return concatenate();
      case Kind::kAdd:
        return combine([](float a, float b) { return a + b; });
      case Kind::kMultiply:
        return combine([](float a, float b) { return a * b; });
      case Kind::kNeuron:
        return combine([&](float a, float) { return neuron(node_->neuron, a); });
      case Kind::kSoftmax:
        return softmax();
    }
    return {};
  }

  const Plan& plan_;
  std::span<const std::byte> file_;
  const MpsNode* node_ = nullptr;
  PlainImage input_;
  std::vector<PlainImage> images_;
};

}  // namespace oko::formats::mps
