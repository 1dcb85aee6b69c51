#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "peer_files.h"

namespace oko::bench {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

constexpr std::uint32_t kFloatFlag = 0, kInt8Flag = 0x000D4B38;  // before a kernel in .bin

class Writer {
 public:
  Writer(const Steps& steps, bool int8) : steps_(steps), int8_(int8), users_(steps.users()) {
    copies_taken_.resize(users_.size());
  }

  NcnnFiles run() {
    line("Input", "data", {}, {"data"},
         fmt::format("0={} 1={} 2={}", steps_.input.width, steps_.input.height,
                     steps_.input.channels));
    for (std::size_t i = 0; i < steps_.steps.size(); ++i) {
      write(i);
      if (users_[i].size() > 1) split(i);
    }
    return {fmt::format("7767517\n{} {}\n{}", layers_, blobs_, lines_), std::move(bin_)};
  }

 private:
  void line(const std::string& type, const std::string& name,
            const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
            const std::string& parameters) {
    lines_ += fmt::format("{} {} {} {} {} {} {}\n", type, name, inputs.size(), outputs.size(),
                          fmt::join(inputs, " "), fmt::join(outputs, " "), parameters);
    ++layers_;
    blobs_ += outputs.size();
  }

  std::string blob(std::size_t i) const {
    const auto head = std::find(steps_.heads.begin(), steps_.heads.end(), static_cast<int>(i));
    return head == steps_.heads.end() ? fmt::format("blob{}", i)
                                      : fmt::format("head{}", head - steps_.heads.begin());
  }
  std::string copy(std::size_t i, std::size_t k) const { return fmt::format("copy{}_{}", i, k); }

  // A blob that several layers read is split into one copy for each.
  void split(std::size_t i) {
    std::vector<std::string> copies;
    for (std::size_t k = 0; k < users_[i].size(); ++k) copies.push_back(copy(i, k));
    line("Split", fmt::format("split{}", i), {blob(i)}, copies, "");
  }

  std::string take(int input) {
    if (input == graph::kNetworkInput) return "data";
    const std::size_t i = at(input);
    return users_[i].size() > 1 ? copy(i, copies_taken_[i]++) : blob(i);
  }

  void write(std::size_t i) {
    const Step& s = steps_.steps[i];
    std::vector<std::string> inputs;
    for (const int input : s.inputs) inputs.push_back(take(input));
    const std::string name = fmt::format("step{}", i);
    const auto simple = [&](const char* type, const std::string& parameters) {
      line(type, name, inputs, {blob(i)}, parameters);
    };
    const graph::Padding& p = s.pool.padding;
    switch (s.kind) {
      case Step::Kind::kConvolution:
        return convolution(i, name, inputs);
      case Step::Kind::kMaxPool:
        return simple("Pooling",
                      fmt::format("0=0 1={} 2={} 3={} 13={} 14={} 15={} 5=1", s.pool.size,
                                  s.pool.stride, p.left, p.top, p.right, p.bottom));
      case Step::Kind::kUpsample:
        return simple("Interp", fmt::format("0=1 1={0}.0 2={0}.0", s.scale));
      case Step::Kind::kBilinear:
        return simple("Interp", fmt::format("0=2 1={0}.0 2={0}.0", s.scale));
      case Step::Kind::kConcat:
        return simple("Concat", "0=0");
      case Step::Kind::kSlice:  // starts, ends, axes
        return simple("Crop",
                      fmt::format("-23309=1,{} -23310=1,{} -23311=1,0", s.output.channels * s.group,
                                  s.output.channels * (s.group + 1)));
      case Step::Kind::kShuffle:
        return simple("ShuffleChannel", fmt::format("0={}", s.groups));
      case Step::Kind::kAdd:
        return simple("Eltwise", "0=1");
    }
  }

  bool all_users_convolve(std::size_t i) const {
    return !users_[i].empty() && std::all_of(users_[i].begin(), users_[i].end(), [&](int user) {
      return steps_.steps[at(user)].kind == Step::Kind::kConvolution;
    });
  }

  void convolution(std::size_t i, const std::string& name, const std::vector<std::string>& inputs) {
    const Step& s = steps_.steps[i];
    const graph::Convolution& c = s.convolution;
    const graph::Padding& p = c.padding;
    const bool grouped = c.groups > 1, stays_int8 = int8_ && all_users_convolve(i);
    std::string parameters =
        fmt::format("0={} 1={} 3={} 4={} 14={} 15={} 16={} 5=1 6={}", c.filters, c.size, c.stride,
                    p.left, p.top, p.right, p.bottom, s.kernel.size());
    if (grouped) parameters += fmt::format(" 7={}", c.groups);
    if (int8_) parameters += fmt::format(" 8={}", (grouped ? 1 : 2) + (stays_int8 ? 100 : 0));
    if (c.activation == graph::Activation::kLeaky) parameters += " 9=2 -23310=1,1.000000e-01";
    line(grouped ? "ConvolutionDepthWise" : "Convolution", name, inputs, {blob(i)}, parameters);
    if (!int8_) {
      append(kFloatFlag);
      append_all(s.kernel);
      append_all(s.bias);
      return;
    }
    const std::vector<float> scales = filter_scales(s, 127);
    append(kInt8Flag);
    append_all(quantized(s, scales));
    append_all(s.bias);
    append_all(scales);
    append(input_scale(s));
    if (stays_int8) append(127 / s.range.largest());
  }

  float input_scale(const Step& s) const {
    const int from = s.inputs[0];
    return 127 / (from == graph::kNetworkInput ? steps_.input_range : steps_.steps[at(from)].range)
                     .largest();
  }

  static std::vector<std::int8_t> quantized(const Step& s, const std::vector<float>& scales) {
    const std::size_t each = s.kernel.size() / scales.size();
    std::vector<std::int8_t> values;
    for (std::size_t k = 0; k < s.kernel.size(); ++k) {
      values.push_back(static_cast<std::int8_t>(std::lround(s.kernel[k] * scales[k / each])));
    }
    values.resize((values.size() + 3) / 4 * 4);
    return values;
  }

  template <typename T>
  void append(T value) {
    bin_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <typename T>
  void append_all(const std::vector<T>& values) {
    bin_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  }

  const Steps& steps_;
  bool int8_;
  std::vector<std::vector<int>> users_;
  std::vector<std::size_t> copies_taken_;
  std::size_t layers_ = 0, blobs_ = 0;
  std::string lines_, bin_;
};

}  // namespace

NcnnFiles write_ncnn(const Steps& steps, const std::string& precision) {
  return Writer(steps, precision == "int8").run();
}

}  // namespace oko::bench
