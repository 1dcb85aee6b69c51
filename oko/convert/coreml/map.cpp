#include "oko/convert/coreml/map.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "oko/base/error.h"

namespace oko::convert::coreml {
namespace {

using graph::Shape;

[[noreturn]] void fail(const std::string& place, const std::string& message) {
  throw input_error(place, message, "Core ML would reject the model");
}

Shape slid(const Map& in, int channels, int size, int stride, const std::string& place) {
  const int rows = in.shape.height - size, columns = in.shape.width - size;
  if (rows < 0 || columns < 0) fail(place, "a window is larger than " + to_string(in.shape));
  return {channels, rows / stride + 1, columns / stride + 1};
}

// out[y][x] += weight · in[y · stride + ky][x · stride + kx], with rows of `out` as wide as those
// of `in` if the stride is 1, so that it is one loop.
void add_shifted(const float* in, int in_width, float weight, int stride, const Shape& shape,
                 float* out) {
  if (stride == 1) {
    const std::size_t count = static_cast<std::size_t>(shape.height - 1) * in_width + shape.width;
    for (std::size_t i = 0; i < count; ++i) out[i] += weight * in[i];
    return;
  }
  for (int y = 0; y < shape.height; ++y) {
    const float* row = in + static_cast<std::size_t>(y) * stride * in_width;
    float* to = out + static_cast<std::size_t>(y) * in_width;
    for (int x = 0; x < shape.width; ++x)
      to[x] += weight * row[static_cast<std::size_t>(x) * stride];
  }
}

}  // namespace

Map padded(const Map& in, const graph::Padding& p, float value) {
  if (p == graph::Padding{}) return in;
  Map out(
      {in.shape.channels, in.shape.height + p.top + p.bottom, in.shape.width + p.left + p.right},
      value);
  for (int c = 0; c < in.shape.channels; ++c) {
    for (int y = 0; y < in.shape.height; ++y) {
      std::copy_n(in.values.data() + in.at(c, y, 0), in.shape.width,
                  out.values.data() + out.at(c, y + p.top, p.left));
    }
  }
  return out;
}

Map convolved(const Map& map, const Kernel& k, const graph::Padding& padding,
              const std::string& place) {
  if (map.shape.channels != k.depth * k.groups || k.filters % k.groups != 0) {
    fail(place, "the kernel does not fit its input " + to_string(map.shape));
  }
  const Map in = padded(map, padding, 0);
  Map out(slid(in, k.filters, (k.size - 1) * k.dilation + 1, k.stride, place));
  const int width = in.shape.width, each = k.filters / k.groups;
  std::vector<float> wide(static_cast<std::size_t>(out.shape.height) * width);
  for (int f = 0; f < k.filters; ++f) {
    std::ranges::fill(wide, k.bias.empty() ? 0.F : k.bias[f]);
    const float* weight =
        k.weights.data() + static_cast<std::size_t>(f) * k.depth * k.size * k.size;
    for (int c = 0; c < k.depth; ++c) {
      for (int ky = 0; ky < k.size; ++ky) {
        for (int kx = 0; kx < k.size; ++kx) {
          const float* from =
              in.values.data() + in.at(f / each * k.depth + c, ky * k.dilation, kx * k.dilation);
          add_shifted(from, width, *weight++, k.stride, out.shape, wide.data());
        }
      }
    }
    for (int y = 0; y < out.shape.height; ++y) {
      std::copy_n(wide.data() + static_cast<std::size_t>(y) * width, out.shape.width,
                  out.values.data() + out.at(f, y, 0));
    }
  }
  return out;
}

Map max_pooled(const Map& map, int size, int stride, const graph::Padding& padding,
               const std::string& place) {
  const Map in = padded(map, padding, -std::numeric_limits<float>::infinity());
  Map out(slid(in, in.shape.channels, size, stride, place));
  for (int c = 0; c < out.shape.channels; ++c) {
    for (int y = 0; y < out.shape.height; ++y) {
      for (int x = 0; x < out.shape.width; ++x) {
        float most = -std::numeric_limits<float>::infinity();
        for (int ky = 0; ky < size; ++ky) {
          const float* row = in.values.data() + in.at(c, y * stride + ky, x * stride);
          most = std::max(most, *std::max_element(row, row + size));
        }
        out.values[out.at(c, y, x)] = most;
      }
    }
  }
  return out;
}

Map averaged(const Map& in) {
  Map out({in.shape.channels, 1, 1});
  for (int c = 0; c < in.shape.channels; ++c) {
    double sum = 0;
    for (std::size_t i = 0; i < in.plane(); ++i) sum += in.values[c * in.plane() + i];
    out.values[c] = static_cast<float>(sum / in.plane());
  }
  return out;
}

Map averaged(const Map& map, int size, int stride, const graph::Padding& padding, bool inside_only,
             const std::string& place) {
  const Map in = padded(map, padding, 0);
  const Map inside = padded(Map({1, map.shape.height, map.shape.width}, 1), padding, 0);
  Map out(slid(in, in.shape.channels, size, stride, place));
  for (int y = 0; y < out.shape.height; ++y) {
    for (int x = 0; x < out.shape.width; ++x) {
      const auto sum_of = [&](const Map& from, int c) {
        double sum = 0;
        for (int ky = 0; ky < size; ++ky) {
          for (int kx = 0; kx < size; ++kx) {
            sum += from.values[from.at(c, y * stride + ky, x * stride + kx)];
          }
        }
        return sum;
      };
      const double count = inside_only ? sum_of(inside, 0) : size * size;
      for (int c = 0; c < out.shape.channels; ++c) {
        out.values[out.at(c, y, x)] = static_cast<float>(sum_of(in, c) / count);
      }
    }
  }
  return out;
}

double on_corners(int i, int from, int to) {
  return to > 1 ? i * static_cast<double>(from - 1) / (to - 1) : 0;
}
double on_half_pixels(int i, int from, int to) {
  const double spacing = static_cast<double>(from) / to;
  return i * spacing + .5 * spacing - .5;
}
double on_starts(int i, int from, int to) {
  return to > 1 ? i * (from - static_cast<double>(from) / to) / (to - 1) : 0;
}

Map interpolated(const Map& in, int height, int width, Grid at, const std::string& place) {
  if (height < 1 || width < 1 || height > 1 << 15 || width > 1 << 15) {
    fail(place, "resizes to " + std::to_string(height) + " x " + std::to_string(width));
  }
  struct Pair {
    int low, high;
    float part;
  };
  const auto pairs = [&](int from, int to) {
    std::vector<Pair> all;
    for (int i = 0; i < to; ++i) {
      const double where = std::clamp(at(i, from, to), 0., from - 1.);
      const int low = static_cast<int>(where);
      all.push_back({low, std::min(low + 1, from - 1), static_cast<float>(where - low)});
    }
    return all;
  };
  const std::vector<Pair> rows = pairs(in.shape.height, height),
                          columns = pairs(in.shape.width, width);
  Map out({in.shape.channels, height, width});
  for (int c = 0; c < out.shape.channels; ++c) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const Pair &r = rows[y], &k = columns[x];
        const auto across = [&](int row) {
          const float a = in.values[in.at(c, row, k.low)], b = in.values[in.at(c, row, k.high)];
          return a * (1 - k.part) + b * k.part;
        };
        out.values[out.at(c, y, x)] = across(r.low) * (1 - r.part) + across(r.high) * r.part;
      }
    }
  }
  return out;
}

Map space_to_depth(const Map& in, int block, const std::string& place) {
  const Shape& s = in.shape;
  if (block < 1 || s.height % block != 0 || s.width % block != 0) {
    fail(place, "blocks of " + std::to_string(block) + " do not fit " + to_string(s));
  }
  Map out({s.channels * block * block, s.height / block, s.width / block});
  for (int c = 0; c < s.channels; ++c) {
    for (int y = 0; y < s.height; ++y) {
      for (int x = 0; x < s.width; ++x) {
        const int pixel = y % block * block + x % block;
        out.values[out.at(pixel * s.channels + c, y / block, x / block)] =
            in.values[in.at(c, y, x)];
      }
    }
  }
  return out;
}

Map upsampled(const Map& in, int scale) {
  Map out({in.shape.channels, in.shape.height * scale, in.shape.width * scale});
  for (int c = 0; c < out.shape.channels; ++c) {
    for (int y = 0; y < out.shape.height; ++y) {
      for (int x = 0; x < out.shape.width; ++x) {
        out.values[out.at(c, y, x)] = in.values[in.at(c, y / scale, x / scale)];
      }
    }
  }
  return out;
}

Map joined(const std::vector<const Map*>& in, const std::string& place) {
  Map out;
  out.shape = in.front()->shape;
  out.shape.channels = 0;
  for (const Map* map : in) {
    if (map->shape.height != out.shape.height || map->shape.width != out.shape.width) {
      fail(place, "concatenates tensors of different sizes");
    }
    out.shape.channels += map->shape.channels;
    out.values.insert(out.values.end(), map->values.begin(), map->values.end());
  }
  return out;
}

Map channels_of(const Map& in, std::int64_t begin, std::int64_t end, const std::string& place) {
  if (end < 0) end += in.shape.channels;
  if (begin < 0 || begin >= end || end > in.shape.channels) {
    fail(place, "slices channels that " + to_string(in.shape) + " does not have");
  }
  Map out({static_cast<int>(end - begin), in.shape.height, in.shape.width});
  std::copy_n(in.values.data() + static_cast<std::size_t>(begin) * in.plane(), out.values.size(),
              out.values.data());
  return out;
}

Map permuted(const Map& in, const std::array<int, 3>& order) {
  const std::array<int, 3> sides{in.shape.channels, in.shape.height, in.shape.width};
  Map out({sides[order[0]], sides[order[1]], sides[order[2]]});
  std::size_t to = 0;
  std::array<int, 3> at{};
  for (at[order[0]] = 0; at[order[0]] < out.shape.channels; ++at[order[0]]) {
    for (at[order[1]] = 0; at[order[1]] < out.shape.height; ++at[order[1]]) {
      for (at[order[2]] = 0; at[order[2]] < out.shape.width; ++at[order[2]]) {
        out.values[to++] = in.values[in.at(at[0], at[1], at[2])];
      }
    }
  }
  return out;
}

Map part_of(const Map& in, int axis, std::int64_t begin, std::int64_t end,
            const std::string& place) {
  if (axis == 0) return channels_of(in, begin, end, place);
  const std::array<int, 3> swap = axis == 1 ? std::array{1, 0, 2} : std::array{2, 1, 0};
  return permuted(channels_of(permuted(in, swap), begin, end, place), swap);
}

Map reshaped(const Map& in, const std::array<std::int64_t, 3>& sides, const std::string& place) {
  std::int64_t count = 1;
  for (const std::int64_t side : sides) {
    if (side < 1 || side > in.shape.count()) count = 0;
    count *= side;
  }
  if (count != in.shape.count()) fail(place, "does not fit " + to_string(in.shape));
  Map out = in;
  out.shape = {static_cast<int>(sides[0]), static_cast<int>(sides[1]), static_cast<int>(sides[2])};
  return out;
}

Map softmax_of(const Map& in, int axis) {
  if (axis != 0) {
    const std::array<int, 3> swap = axis == 1 ? std::array{1, 0, 2} : std::array{2, 1, 0};
    return permuted(softmax_of(permuted(in, swap)), swap);
  }
  Map out(in.shape);
  const std::size_t plane = in.plane();
  for (std::size_t i = 0; i < plane; ++i) {
    double sum = 0, most = -std::numeric_limits<double>::infinity();
    for (std::size_t at = i; at < in.values.size(); at += plane) {
      most = std::max(most, double{in.values[at]});
    }
    for (std::size_t at = i; at < in.values.size(); at += plane) {
      sum += std::exp(in.values[at] - most);
    }
    for (std::size_t at = i; at < in.values.size(); at += plane) {
      out.values[at] = static_cast<float>(std::exp(in.values[at] - most) / sum);
    }
  }
  return out;
}

Map multiplied(const Map& a, const Map& b, bool turn_a, bool turn_b, const std::string& place) {
  const Map left = turn_a ? permuted(a, {0, 2, 1}) : a;
  const Map right = turn_b ? b : permuted(b, {0, 2, 1});  // its columns become rows
  if (left.shape.channels != right.shape.channels || left.shape.width != right.shape.width) {
    fail(place, "cannot multiply " + to_string(a.shape) + " and " + to_string(b.shape));
  }
  Map out({left.shape.channels, left.shape.height, right.shape.height});
  for (int c = 0; c < out.shape.channels; ++c) {
    for (int y = 0; y < out.shape.height; ++y) {
      for (int x = 0; x < out.shape.width; ++x) {
        double sum = 0;
        for (int i = 0; i < left.shape.width; ++i) {
          sum += double{left.values[left.at(c, y, i)]} * right.values[right.at(c, x, i)];
        }
        out.values[out.at(c, y, x)] = static_cast<float>(sum);
      }
    }
  }
  return out;
}

Map combined(const Map& a, const Map& b, const std::function<float(float, float)>& combine,
             const std::string& place) {
  const Shape &s = a.shape, &t = b.shape;
  const bool all_channels = t.channels == s.channels,
             all_pixels = t.height == s.height && t.width == s.width;
  if (!(all_channels || t.channels == 1) || !(all_pixels || t.height * t.width == 1)) {
    fail(place, "cannot combine " + to_string(s) + " and " + to_string(t));
  }
  Map out(s);
  const std::size_t plane = a.plane(), step = all_channels ? b.plane() : 0;
  for (int c = 0; c < s.channels; ++c) {
    for (std::size_t i = 0; i < plane; ++i) {
      const std::size_t at = c * plane + i;
      out.values[at] = combine(a.values[at], b.values[c * step + (all_pixels ? i : 0)]);
    }
  }
  return out;
}

Map reduced(const Map& in, const std::function<float(float, float)>& combine) {
  Map out({1, in.shape.height, in.shape.width});
  const std::size_t plane = in.plane();
  for (std::size_t i = 0; i < plane; ++i) {
    float value = in.values[i];
    for (std::size_t at = i + plane; at < in.values.size(); at += plane) {
      value = combine(value, in.values[at]);
    }
    out.values[i] = value;
  }
  return out;
}

Map mapped(const Map& in, const std::function<float(float)>& function) {
  Map out(in.shape);
  std::ranges::transform(in.values, out.values.begin(), function);
  return out;
}

float sigmoid_of(float x) { return static_cast<float>(1 / (1 + std::exp(-double{x}))); }

float softplus_of(float x) {
  return static_cast<float>(x > 20 ? double{x} : std::log1p(std::exp(double{x})));
}

}  // namespace oko::convert::coreml
