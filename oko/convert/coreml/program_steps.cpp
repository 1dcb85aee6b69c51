#include <algorithm>
#include <array>
#include <cmath>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/convert/coreml/steps.h"

namespace oko::convert::coreml {
namespace {

using formats::coreml::ProgramFile;
using formats::coreml::ProgramOperation;
using Inputs = std::vector<const Map*>;

void round_to_halves(Map& map) {
  for (float& value : map.values) value = to_float(to_half(value));
}

class ProgramSteps {
 public:
  explicit ProgramSteps(const ProgramFile& program) : program_(program) {}

  std::vector<Step> run() {
    for (const ProgramOperation& operation : program_.operations()) {
      operation_ = &operation;
      place_ = program_.place(operation);
      for (std::size_t i = 0; i < operation.outputs.size(); ++i) add(i);
    }
    return std::move(steps_);
  }

 private:
  using Make = std::function<Map(const Inputs&)>;

  // The step for one result of the operation. An operation that is not supported matters only if it
  // is needed: its step says so.
  void add(std::size_t output) {
    if (output > 0 && !is("split")) return;
    Step step{operation_->name, operation_->outputs[output], {}, {}};
    try {
      step.inputs = inputs();
      step.make = is("split") ? split(output) : make();
    } catch (const Error& error) {
      step.make = [error](const Inputs&) -> Map { throw Error(error); };
    }
    if (operation_->half) {
      step.make = [exact = std::move(step.make)](const Inputs& in) {
        Map out = exact(in);
        round_to_halves(out);
        return out;
      };
    }
    steps_.push_back(std::move(step));
  }

  [[noreturn]] void fail(const std::string& message) const { throw input_error(place_, message); }
  bool is(const char* type) const { return operation_->type == type; }
  bool given(const char* parameter) const { return operation_->inputs.contains(parameter); }
  std::int64_t one(const char* parameter, std::int64_t otherwise) const {
    const auto values = program_.integers(*operation_, parameter, {otherwise});
    if (values.size() != 1) fail(std::string(parameter) + " is not a single number");
    return values.front();
  }

  // The tensors among the inputs of an operation.
  std::vector<std::string> inputs() const {
    if (is("concat")) return program_.values(*operation_, "values");
    std::vector<std::string> maps{program_.value(*operation_, "x")};
    if (given("y") && !program_.is_constant(program_.value(*operation_, "y"))) {
      maps.push_back(program_.value(*operation_, "y"));
    }
    return maps;
  }

  Make make() {
    const auto each = [](const std::function<float(float)>& f) {
      return [f](const Inputs& in) { return mapped(*in[0], f); };
    };
    if (is("conv")) return convolution();
    if (is("max_pool")) return max_pool();
    if (is("avg_pool")) return avg_pool();
    if (is("add")) return elementwise([](float a, float b) { return a + b; });
    if (is("mul")) return elementwise([](float a, float b) { return a * b; });
    if (is("pow")) return elementwise([](float a, float b) { return std::pow(a, b); });
    if (is("maximum")) return elementwise([](float a, float b) { return std::max(a, b); });
    if (is("exp")) return each([](float x) { return std::exp(x); });
    if (is("relu")) return each([](float x) { return std::max(x, 0.F); });
    if (is("relu6")) return each([](float x) { return std::clamp(x, 0.F, 6.F); });
    if (is("sigmoid")) return each(sigmoid_of);
    if (is("silu")) return each([](float x) { return x * sigmoid_of(x); });
    if (is("softplus")) return each(softplus_of);
    if (is("tanh")) return each([](float x) { return std::tanh(x); });
    if (is("leaky_relu")) {
      return each([alpha = program_.number(*operation_, "alpha")](float x) {
        return x >= 0 ? x : alpha * x;
      });
    }
    if (is("elu")) {
      return each([alpha = program_.number(*operation_, "alpha")](float x) {
        return x > 0 ? x : alpha * std::expm1(x);
      });
    }
    if (is("clip")) {
      return each([least = program_.number(*operation_, "alpha"),
                   most = program_.number(*operation_, "beta")](float x) {
        return std::min(std::max(x, least), most);
      });
    }
    if (is("sigmoid_hard")) {
      return each([alpha = program_.number(*operation_, "alpha"),
                   beta = program_.number(*operation_, "beta")](float x) {
        return std::clamp(alpha * x + beta, 0.F, 1.F);
      });
    }
    if (is("cast")) return cast();
    if (is("reduce_mean")) return average();
    if (is("reduce_sum")) return over_channels([](float a, float b) { return a + b; });
    if (is("reduce_max")) return over_channels([](float a, float b) { return std::max(a, b); });
    if (is("upsample_nearest_neighbor")) return upsample();
    if (is("upsample_bilinear")) return upsample_bilinear();
    if (is("resize_bilinear")) return resize();
    if (is("space_to_depth")) return reorganize();
    if (is("reshape")) return reshape();
    if (is("transpose")) return transpose();
    if (is("pad")) return pad_rows();
    if (is("matmul")) return matmul();
    if (is("concat")) return concat();
    if (is("slice_by_size")) return slice();
    if (is("softmax")) return softmax();
    fail("is an operation that the interpreter does not support");
  }

  int square(const char* parameter) const {
    const auto pair = program_.integers(*operation_, parameter, {1, 1});
    if (pair.size() != 2 || pair[0] != pair[1] || pair[0] < 1 || pair[0] > 1024) {
      fail(std::string(parameter) + " is not [n, n]");
    }
    return static_cast<int>(pair[0]);
  }

  // top, left, bottom, right for an input of `height` x `width`.
  using Pad = std::function<graph::Padding(const graph::Shape&)>;
  Pad padding(int size, int stride) const {
    const std::string type = program_.text(*operation_, "pad_type");
    if (type == "valid") return [](const graph::Shape&) { return graph::Padding{}; };
    if (type == "custom") {
      const auto pad = program_.integers(*operation_, "pad", {});
      const auto bad = [](std::int64_t n) { return n < 0 || n > 1024; };
      if (pad.size() != 4 || std::ranges::any_of(pad, bad)) fail("the padding is not four numbers");
      const graph::Padding amounts{static_cast<int>(pad[0]), static_cast<int>(pad[2]),
                                   static_cast<int>(pad[1]), static_cast<int>(pad[3])};
      return [amounts](const graph::Shape&) { return amounts; };
    }
    if (type != "same") fail("has the unknown padding mode \"" + type + "\"");
    return [=](const graph::Shape& in) {
      const auto missing = [&](int side) {
        const int windows = (side + stride - 1) / stride;
        return std::max(0, size + (windows - 1) * stride - side);
      };
      const int rows = missing(in.height), columns = missing(in.width);
      return graph::Padding{rows / 2, columns / 2, (rows + 1) / 2, (columns + 1) / 2};
    };
  }

  Make convolution() {
    const auto shape = program_.shape(*operation_, "weight");
    if (shape.size() != 4 || shape[2] != shape[3] || shape[0] > 1 << 20 || shape[2] > 1024 ||
        shape[1] > 1 << 20) {
      fail("is not a plain convolution");
    }
    Kernel kernel{static_cast<int>(shape[0]),
                  static_cast<int>(shape[1]),
                  static_cast<int>(shape[2]),
                  square("strides"),
                  1,
                  square("dilations"),
                  {},
                  {}};
    const std::int64_t groups = one("groups", 1);
    if (groups < 1 || groups > shape[0]) fail("has an invalid number of groups");
    kernel.groups = static_cast<int>(groups);
    kernel.weights = program_.numbers(*operation_, "weight");
    if (given("bias")) kernel.bias = program_.numbers(*operation_, "bias");
    if (!kernel.bias.empty() && kernel.bias.size() != static_cast<std::size_t>(kernel.filters)) {
      fail("has a bias that does not fit the kernel");
    }
    return [pad = padding(kernel.size, kernel.stride), kernel = std::move(kernel), place = place_](
               const Inputs& in) { return convolved(*in[0], kernel, pad(in[0]->shape), place); };
  }

  Make max_pool() {
    const int size = square("kernel_sizes"), stride = square("strides");
    if (program_.flag(*operation_, "ceil_mode")) fail("rounds its output size up");
    return [=, pad = padding(size, stride), place = place_](const Inputs& in) {
      return max_pooled(*in[0], size, stride, pad(in[0]->shape), place);
    };
  }

  Make avg_pool() {
    const int size = square("kernel_sizes"), stride = square("strides");
    if (program_.flag(*operation_, "ceil_mode")) fail("rounds its output size up");
    const bool inside = program_.flag(*operation_, "exclude_padding_from_average");
    return [=, pad = padding(size, stride), place = place_](const Inputs& in) {
      return averaged(*in[0], size, stride, pad(in[0]->shape), inside, place);
    };
  }

  Make elementwise(const std::function<float(float, float)>& combine) {
    if (program_.is_constant(program_.value(*operation_, "y"))) {
      return [=, y = constant("y"), place = place_](const Inputs& in) {
        return combined(*in[0], y, combine, place);
      };
    }
    return
        [=, place = place_](const Inputs& in) { return combined(*in[0], *in[1], combine, place); };
  }

  // A tensor as the interpreter has them: of rank 4, one image's; of rank 2, a list of rows.
  Map constant(const char* parameter) const {
    Map map;
    map.shape = shape_of(program_.shape(*operation_, parameter));
    map.values = program_.numbers(*operation_, parameter);  // as many as the file has
    return map;
  }
  graph::Shape shape_of(std::vector<std::int64_t> sides) const {
    if (sides.size() == 4 && sides[0] == 1) sides.erase(sides.begin());
    if (sides.size() == 2) sides.push_back(1);
    sides.insert(sides.begin(), sides.empty() ? 3 : 0, 1);
    const auto bad = [](std::int64_t side) { return side < 1 || side > 1 << 24; };
    if (sides.size() != 3 || std::ranges::any_of(sides, bad)) {
      fail("has a tensor that is neither one image's, nor a list of rows, nor a number");
    }
    return {static_cast<int>(sides[0]), static_cast<int>(sides[1]), static_cast<int>(sides[2])};
  }

  Make cast() {
    const std::string type = program_.text(*operation_, "dtype");
    if (type != "fp16" && type != "fp32") fail("casts to \"" + type + "\"");
    return [](const Inputs& in) { return *in[0]; };
  }

  Make average() {
    if (program_.integers(*operation_, "axes", {}) != std::vector<std::int64_t>{-2, -1} ||
        !program_.flag(*operation_, "keep_dims")) {
      fail("is not over rows and columns");
    }
    return [](const Inputs& in) { return averaged(*in[0]); };
  }

  // Of the channels' values, one after another.
  Make over_channels(const std::function<float(float, float)>& combine) {
    if (program_.integers(*operation_, "axes", {}) != std::vector<std::int64_t>{1} ||
        !program_.flag(*operation_, "keep_dims")) {
      fail("is not over channels");
    }
    return [combine](const Inputs& in) { return reduced(*in[0], combine); };
  }

  int factor() const {
    const float rows = program_.number(*operation_, "scale_factor_height");
    const float columns = program_.number(*operation_, "scale_factor_width");
    if (rows != columns || !(rows >= 1 && rows <= 1024) || rows != std::floor(rows)) {
      fail("does not scale by one integer factor");
    }
    return static_cast<int>(rows);
  }

  Make upsample() {
    return [n = factor()](const Inputs& in) { return upsampled(*in[0], n); };
  }

  Make upsample_bilinear() {
    const bool corners = !given("align_corners") || program_.flag(*operation_, "align_corners");
    return [n = factor(), grid = corners ? on_corners : on_half_pixels,
            place = place_](const Inputs& in) {
      const graph::Shape& s = in[0]->shape;
      return interpolated(*in[0], s.height * n, s.width * n, grid, place);
    };
  }

  Make resize() {
    const std::string mode = program_.text(*operation_, "sampling_mode");
    Grid grid = on_starts;
    if (mode == "STRICT_ALIGN_CORNERS" || mode == "ALIGN_CORNERS") {
      grid = on_corners;
    } else if (mode == "UNALIGN_CORNERS") {
      grid = on_half_pixels;
    } else if (!mode.empty() && mode != "DEFAULT") {
      fail("samples by \"" + mode + "\"");
    }
    const std::int64_t rows = one("target_size_height", 1), columns = one("target_size_width", 1);
    return [=, place = place_](const Inputs& in) {
      return interpolated(*in[0], static_cast<int>(rows), static_cast<int>(columns), grid, place);
    };
  }

  Make reorganize() {
    const std::int64_t block = one("block_size", 0);
    if (block < 1 || block > 1024) fail("has an impossible block size");
    return [n = static_cast<int>(block), place = place_](const Inputs& in) {
      return space_to_depth(*in[0], n, place);
    };
  }

  Make reshape() {
    const graph::Shape to = shape_of(program_.integers(*operation_, "shape", {}));
    return [=, place = place_](const Inputs& in) {
      return reshaped(*in[0], {to.channels, to.height, to.width}, place);
    };
  }

  // Of a list of rows: values before and after each row, and rows before and after them all.
  Make pad_rows() {
    const auto amounts = program_.integers(*operation_, "pad", {});
    const bool constant = !given("mode") || program_.text(*operation_, "mode") == "constant";
    const auto bad = [](std::int64_t n) { return n < 0 || n > 1 << 16; };
    if (amounts.size() != 4 || !constant || std::ranges::any_of(amounts, bad) || amounts[0] != 0 ||
        amounts[1] != 0) {
      fail("does not pad rows by a constant");
    }
    const graph::Padding rows{static_cast<int>(amounts[2]), 0, static_cast<int>(amounts[3]), 0};
    const float value = given("constant_val") ? program_.number(*operation_, "constant_val") : 0;
    return [=, place = place_](const Inputs& in) {
      const graph::Shape& s = in[0]->shape;
      constexpr std::int64_t kMost = std::int64_t{1} << 28;
      if ((std::int64_t{s.height} + rows.top + rows.bottom) * s.channels * s.width > kMost) {
        throw input_error(place, "pads " + to_string(s) + " to more than 2^28 values");
      }
      return padded(*in[0], rows, value);
    };
  }

  Make transpose() {
    const auto perm = program_.integers(*operation_, "perm", {});
    auto sorted = perm;
    std::ranges::sort(sorted);
    if (sorted != std::vector<std::int64_t>{0, 1, 2, 3} || perm[0] != 0) {
      fail("moves the axis of images");
    }
    const std::array<int, 3> order{static_cast<int>(perm[1]) - 1, static_cast<int>(perm[2]) - 1,
                                   static_cast<int>(perm[3]) - 1};
    return [order](const Inputs& in) { return permuted(*in[0], order); };
  }

  Make matmul() {
    return [a = program_.flag(*operation_, "transpose_x"),
            b = program_.flag(*operation_, "transpose_y"), place = place_](const Inputs& in) {
      if (in.size() != 2) throw input_error(place, "does not multiply two tensors");
      return multiplied(*in[0], *in[1], a, b, place);
    };
  }

  void check_channels() const {
    const std::int64_t axis = one("axis", 0);
    if (axis != 1 && axis != -3) fail("is not along the channels");
  }

  Make concat() {
    check_channels();
    if (program_.flag(*operation_, "interleave"))
      fail("interleaves its channels, which oko does not support");
    return [place = place_](const Inputs& in) { return joined(in, place); };
  }

  Make split(std::size_t output) {
    const auto sizes = program_.integers(*operation_, "split_sizes", {});
    const std::int64_t axis = one("axis", 0), at = axis < 0 ? axis + 3 : axis - 1;
    if (at < 0 || at > 2 || sizes.size() != operation_->outputs.size()) {
      fail("has no size for each part, or is along the axis of images");
    }
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < output; ++i) begin += sizes[i];
    return [=, end = begin + sizes[output], place = place_](const Inputs& in) {
      return part_of(*in[0], static_cast<int>(at), begin, end, place);
    };
  }

  Make softmax() {
    const std::int64_t axis = one("axis", 0), at = axis < 0 ? axis + 3 : axis - 1;
    if (at < 0 || at > 2) fail("is over an axis other than channels, rows and columns");
    return [at](const Inputs& in) { return softmax_of(*in[0], static_cast<int>(at)); };
  }

  // A part of one axis.
  Make slice() {
    const auto begin = program_.integers(*operation_, "begin", {});
    const auto size = program_.integers(*operation_, "size", {});
    if (begin.size() != 4 || size.size() != 4) fail("does not slice four axes");
    return [=, place = place_](const Inputs& in) {
      const graph::Shape& s = in[0]->shape;
      const std::array<int, 4> sides{1, s.channels, s.height, s.width};
      int axis = 1;
      for (int i = 1; i < 4; ++i) {
        if (begin[i] != 0 || size[i] != sides[i]) axis = i;
      }
      for (int i = 0; i < 4; ++i) {
        if (i == axis || (begin[i] == 0 && size[i] == sides[i])) continue;
        throw input_error(place, "slices more than one axis");
      }
      if (size[axis] < 1) throw input_error(place, "is empty");
      return part_of(*in[0], axis - 1, begin[axis], begin[axis] + size[axis], place);
    };
  }

  const ProgramFile& program_;
  const ProgramOperation* operation_ = nullptr;
  std::string place_;
  std::vector<Step> steps_;
};

}  // namespace

std::vector<Step> program_steps(const ProgramFile& program) { return ProgramSteps(program).run(); }

}  // namespace oko::convert::coreml
