#include "oko/runtime/kernels8.h"

#include <limits>
#include <utility>

#include "oko/runtime/kernels_testing.h"

namespace oko::runtime {
namespace {

using Byte = std::uint8_t;
constexpr Byte kCanary = 77;

class Kernels8Test : public ::testing::TestWithParam<SimdTarget> {
 protected:
  int below(int count) { return TestMap<Byte>::below(random_, count); }
  std::vector<float> floats(std::size_t count, double low, double high) {
    std::vector<float> values(count);
    for (float& v : values) v = static_cast<float>(random_.uniform(low, high));
    return values;
  }
  TestMap<Byte> input(int height, int width, int channels) {
    TestMap<Byte> map(height, width, channels, random_, static_cast<Byte>(below(256)));
    map.fill(random_);
    return map;
  }
  TestMap<Byte> output(int height, int width, int channels) {
    return {height, width, channels, random_, kCanary};
  }
  // The epilogue of a sum, in units of the output.
  template <typename Call>
  void set_end(Call& call) {
    call.clamp = random_clamp(random_);
    call.residual_clamp = random_clamp(random_);
    for (Clamp* clamp : {&call.clamp, &call.residual_clamp}) {
      if (clamp->cap < 10) clamp->cap = 90.3F;  // relu6 counts in units
    }
    call.zero = static_cast<float>(below(256));
    call.residual_scale = static_cast<float>(random_.uniform(.3, 2));
    call.residual_zero = static_cast<float>(below(256));
  }
  template <typename Call, typename Kernel>
  void expect_same(Call call, View<Byte> Call::*place, const TestMap<Byte>& empty, Kernel kernel) {
    TestMap<Byte> found = empty, expected = empty;
    call.*place = found.view();
    (kernels_.*kernel)(call);
    call.*place = expected.view();
    (plain_.*kernel)(call);
    expect_close(found.values, expected.values);
  }

  Random random_{8};
  const Kernels8& kernels_ = kernels8(GetParam());
  const Kernels8& plain_ = scalar_kernels8();
};

// Weights [points][taps][depth][columns] of a product, and the initial sums.
struct Weights8 {
  int points, taps, depth, columns;
  std::vector<int> values;
  std::vector<std::int32_t> start;  // of columns

  int at(int point, int tap, int k, int column) const {
    return values[((point * taps + tap) * depth + k) * columns + column];
  }
  // In panels, each [points][taps][depth / group][width][group].
  std::vector<std::byte> packed(const Kernels8& table) const {
    std::vector<std::byte> out;
    const int groups = (depth + table.group - 1) / table.group;
    for (int column = 0; column < columns;) {
      const int width = columns - column > table.lanes ? 2 * table.lanes : table.lanes;
      for (int run = 0; run < points * taps * groups; ++run) {
        for (int i = 0; i < width * table.group; ++i) {
          const int c = column + i / table.group, k = run % groups * table.group + i % table.group;
          const bool there = c < columns && k < depth;
          const int v = there ? at(run / groups / taps, run / groups % taps, k, c) : 0;
          out.push_back(std::byte(v & 255));
        }
      }
      column += width;
    }
    return out;
  }
  // Compensates the shift of A in every sum.
  std::vector<std::int32_t> starts(const Kernels8& table, int point) const {
    std::vector<std::int32_t> all = start;
    for (int c = 0; c < columns; ++c) {
      for (int tap = 0; tap < taps; ++tap) {
        for (int k = 0; k < depth; ++k) {
          all[c] += table.shift * at(point, tap, k, c);
        }
      }
    }
    all.resize(all.size() + 64, 123456);
    return all;
  }
};

// Bytes as the numbers that a table's products take.
std::vector<Byte> as_numbers(const Kernels8& table, const std::vector<Byte>& bytes) {
  if (table.number_bytes == 1) return bytes;
  std::vector<Byte> numbers(bytes.size() * static_cast<std::size_t>(table.number_bytes));
  table.widen(bytes.data(), static_cast<int>(bytes.size()), numbers.data());
  return numbers;
}

template <typename Out, typename Kernel>
class ProductTest {
 public:
  ProductTest(Random& random, int rows, int columns, Kernel kernel)
      : random_(random), kernel_(kernel) {
    call_.rows = rows;
    call_.columns = columns;
    call_.depth = 1 + below(below(3) == 0 ? 70 : 19);  // kernels take up to 16 at a time
    call_.taps = below(3) == 0 ? 3 : 1;
    call_.points = below(3) == 0 ? 4 : 1;
    call_.point = below(call_.points);
    call_.a_row = call_.depth + below(3);
    call_.a_tap = call_.a_row * rows + below(7);
    call_.residual_row = columns + below(6);
    a_.resize(static_cast<std::size_t>(call_.a_tap * call_.taps) + kSlack);
    for (Byte& v : a_) v = random_number<Byte>(random);
    residual_.resize(static_cast<std::size_t>(call_.residual_row * rows) + 64);
    for (Out& v : residual_) v = static_cast<Out>(random_number<Byte>(random));
    weights_ = {call_.points, call_.taps, call_.depth, columns, {}, {}};
    const auto count = static_cast<std::size_t>(call_.points * call_.taps * call_.depth * columns);
    for (std::size_t i = 0; i < count; ++i) weights_.values.push_back(below(255) - 127);
    for (int c = 0; c < columns; ++c) {
      weights_.start.push_back(below(40000) - 20000);
      // About a hundred steps of the output.
      scale_.push_back(static_cast<float>(random.uniform(.5, 1) * 1e-3));
      bias_.push_back(static_cast<float>(random.uniform(-30, 30)));
    }
    for (auto* array : {&scale_, &bias_}) array->resize(array->size() + 64, NAN);
    call_.scale = scale_.data();
    call_.bias = bias_.data();
  }

  Matrix8Call<Out>& call() { return call_; }
  void add_residual() { call_.residual = residual_.data(); }

  // The whole output, with a canary after every row of `row` elements.
  std::vector<Out> run(const Kernels8& table, int row) const {
    const auto packed = weights_.packed(table);
    const auto start = weights_.starts(table, call_.point);
    const auto a = as_numbers(table, a_);
    Matrix8Call<Out> call = call_;
    call.a = a.data();
    call.a_row *= table.number_bytes;
    call.a_tap *= table.number_bytes;
    call.b = packed.data();
    call.start = start.data();
    call.c_row = row;
    std::vector<Out> c(static_cast<std::size_t>(row * call.rows), Out{kCanary});
    call.c = c.data();
    (table.*kernel_)(call);
    return c;
  }

 private:
  int below(int count) { return TestMap<Byte>::below(random_, count); }

  Random& random_;
  Kernel kernel_;
  Matrix8Call<Out> call_;
  Weights8 weights_{};
  std::vector<Byte> a_;
  std::vector<Out> residual_;
  std::vector<float> scale_, bias_;
};

template <typename Body>
void for_sizes(int lanes, const Body& body) {
  for (int rows = 1; rows <= 33; rows += rows < 16 ? 1 : 5) {
    for (const int columns :
         {1, lanes - 1, lanes, lanes + 1, 2 * lanes, 2 * lanes + 1, 3 * lanes + 2}) {
      SCOPED_TRACE(std::to_string(rows) + " rows, " + std::to_string(columns) + " columns");
      body(rows, columns);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST_P(Kernels8Test, ProductsToBytes) {
  for_sizes(kernels_.lanes, [&](int rows, int columns) {
    ProductTest<Byte, void (*Kernels8::*)(const Matrix8Call<Byte>&)> test(random_, rows, columns,
                                                                          &Kernels8::gemm);
    set_end(test.call());
    if (below(2) == 0) test.add_residual();
    const int row = columns + below(5);
    expect_close(test.run(kernels_, row), test.run(plain_, row));
  });
}

TEST_P(Kernels8Test, ProductsToFloats) {
  for_sizes(kernels_.lanes, [&](int rows, int columns) {
    ProductTest<float, void (*Kernels8::*)(const Matrix8Call<float>&)> test(random_, rows, columns,
                                                                            &Kernels8::gemm_float);
    set_end(test.call());
    test.call().zero = 0;
    if (below(2) == 0) test.add_residual();
    const int row = columns + below(5);
    expect_close(test.run(kernels_, row), test.run(plain_, row));
  });
}

TEST_P(Kernels8Test, SumsAreExact) {
  for_sizes(kernels_.lanes, [&](int rows, int columns) {
    using Sum = std::int32_t;
    ProductTest<Sum, void (*Kernels8::*)(const Matrix8Call<Sum>&)> test(random_, rows, columns,
                                                                        &Kernels8::gemm_sums);
    const int row = columns + 2 * kernels_.lanes;  // room for whole panels
    const auto found = test.run(kernels_, row), expected = test.run(plain_, row);
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < columns; ++c) {
        const auto i = static_cast<std::size_t>(r * row + c);
        ASSERT_EQ(found[i], expected[i]) << "row " << r << ", column " << c;
      }
    }
  });
}

TEST_P(Kernels8Test, WidensBytesAndWritesNothingElse) {
  if (kernels_.widen == nullptr) GTEST_SKIP() << "it multiplies bytes";
  for (int count = 0; count < 70; ++count) {
    std::vector<Byte> from(static_cast<std::size_t>(count) + kSlack);
    for (Byte& v : from) v = random_number<Byte>(random_);
    std::vector<Byte> to(2 * from.size(), kCanary);
    kernels_.widen(from.data(), count, to.data());
    for (std::size_t i = 0; i < to.size(); ++i) {
      const bool inside = i < 2 * static_cast<std::size_t>(count);
      ASSERT_EQ(to[i], inside ? (i % 2 == 0 ? from[i / 2] : 0) : kCanary) << count << ", " << i;
    }
  }
}

// Numbers beyond what bytes are made of: heads are floats.
TEST_P(Kernels8Test, FloatOutputsHaveNoLimit) {
  for (const float bias : {3e9F, -3e9F, std::numeric_limits<float>::infinity()}) {
    ProductTest<float, void (*Kernels8::*)(const Matrix8Call<float>&)> test(
        random_, 14, 2 * kernels_.lanes, &Kernels8::gemm_float);
    std::vector<float> biases(static_cast<std::size_t>(2 * kernels_.lanes) + 64, bias);
    test.call().bias = biases.data();
    test.call().zero = 0;
    for (const float v : test.run(kernels_, 2 * kernels_.lanes)) {
      if (std::isinf(bias)) {
        ASSERT_GE(v, Clamp().cap);
      } else {
        ASSERT_NEAR(v, bias, 1e4F);
      }
    }
  }
}

// The largest sums that fit 32 bits, at full depth, and the smallest byte, which is -128 where
// bytes are shifted: pairs of its products fit 16 bits only just.
TEST_P(Kernels8Test, LargestBytesDoNotOverflow) {
  constexpr int kDepth = 4096;
  for (const auto& [byte, value] : {std::pair(255, -127), {255, 127}, {0, -127}, {0, 127}}) {
    Weights8 weights{1, 1, kDepth, 1, std::vector<int>(kDepth, value), {0}};
    const auto a =
        as_numbers(kernels_, std::vector<Byte>(kDepth + kSlack, static_cast<Byte>(byte)));
    const auto packed = weights.packed(kernels_);
    const auto start = weights.starts(kernels_, 0);
    std::vector<std::int32_t> c(2 * static_cast<std::size_t>(kernels_.lanes));
    Matrix8Call<std::int32_t> call;
    call.a = a.data();
    call.a_row = kDepth;
    call.rows = call.columns = 1;
    call.depth = kDepth;
    call.b = packed.data();
    call.start = start.data();
    call.c = c.data();
    kernels_.gemm_sums(call);
    EXPECT_EQ(c[0], value * byte * kDepth);
  }
}

TEST_P(Kernels8Test, WinogradInputTiles) {
  for (int i = 0; i < 80; ++i) {
    const auto in = input(1 + below(9), 1 + below(9), 1 + below(70));
    Winograd8Input call;
    call.in = in.read();
    call.zero = below(256);
    call.pad_top = below(4);
    call.pad_left = below(4);
    call.tiles_across = 1 + (call.in.width + 2) / kTile8;
    const int tiles = call.tiles_across * (1 + (call.in.height + 2) / kTile8);
    call.first_tile = below(tiles);
    call.tile_count = 1 + below(tiles - call.first_tile);
    std::vector<std::int16_t> factors(kPoints8);
    for (auto& f : factors) f = static_cast<std::int16_t>(1 + below(i % 5 == 0 ? 32767 : 4096));
    call.factors = factors.data();
    const auto run = [&](const Kernels8& table) {
      call.v_row = ((call.in.channels + 63) / 64 * 64 + 64) * table.number_bytes;
      call.v_point = call.v_row * call.tile_count;
      std::vector<Byte> v(static_cast<std::size_t>(call.v_point * kPoints8), kCanary), own;
      call.v = v.data();
      table.winograd_input(call);
      for (std::ptrdiff_t row = 0; row < call.tile_count * kPoints8; ++row) {
        const Byte* from = v.data() + row * call.v_row;
        for (int c = 0; c < call.in.channels; ++c) {
          own.push_back(from[c * table.number_bytes]);
          if (table.number_bytes == 2) {
            EXPECT_EQ(from[c * 2 + 1], 0);
          }
        }
        EXPECT_EQ(from[call.v_row - 1], kCanary);
      }
      return own;
    };
    ASSERT_EQ(run(kernels_), run(plain_));
  }
}

TEST_P(Kernels8Test, WinogradOutputTiles) {
  for (int i = 0; i < 90; ++i) {
    const bool even = i % 3 != 0;
    const int height = even ? 2 + 2 * below(4) : 1 + below(8);
    const int width = even ? 2 + 2 * below(4) : 1 + below(8);
    const int channels = 1 + below(40);
    Winograd8Output call;
    call.channels = channels;
    call.tiles_across = (width + 1) / kTile8;
    const int tiles = call.tiles_across * ((height + 1) / kTile8);
    call.first_tile = below(tiles);
    call.tile_count = 1 + below(tiles - call.first_tile);
    call.m_row = (channels + 31) / 32 * 32;
    call.m_point = call.m_row * call.tile_count;
    set_end(call);
    std::vector<std::int32_t> m(static_cast<std::size_t>(call.m_point * kPoints8));
    for (auto& v : m) v = below(200000) - 100000;
    call.scale_row = channels + 32;
    const auto scales = floats(static_cast<std::size_t>(call.scale_row * kPoints8), 1e-4, 3e-4);
    auto bias = floats(static_cast<std::size_t>(channels), -20, 20);
    bias.resize(bias.size() + 32, NAN);
    call.m = m.data();
    call.scale = scales.data();
    call.bias = bias.data();
    const auto residual = input(height, width, channels);
    if (below(2) == 0) call.residual = residual.read();
    const auto out = output(height, width, channels);
    const auto pooled = output(height / 2, width / 2, channels);
    if (i % 3 != 1) expect_same(call, &Winograd8Output::out, out, &Kernels8::winograd_output);
    auto beside = out;
    if (i % 3 == 2) call.out = beside.view();
    if (even) expect_same(call, &Winograd8Output::pooled, pooled, &Kernels8::winograd_output);
    if (HasFailure()) return;
  }
}

// A kernel [taps][channels] as the table's depthwise() reads it.
struct DepthwiseWeights8 {
  std::vector<std::byte> packed;
  std::vector<std::int32_t> start;

  DepthwiseWeights8(const Kernels8& table, const std::vector<int>& kernel, int size, int channels,
                    int in_zero)
      : start(static_cast<std::size_t>(channels)) {
    const int all = (channels + table.lanes - 1) / table.lanes * table.lanes;
    for (int x = 0; x < size; ++x) {
      for (int first = 0; first < size; first += table.depthwise_group) {
        for (int c = 0; c < all; ++c) {
          for (int y = first; y < first + table.depthwise_group; ++y) {
            const int v = y < size && c < channels ? kernel[(y * size + x) * channels + c] : 0;
            for (int b = 0; b < table.depthwise_weight_bytes; ++b) {
              packed.push_back(std::byte(v >> 8 * b & 255));
            }
            if (c < channels) start[c] += (table.depthwise_shift - in_zero) * v;
          }
        }
      }
    }
    start.resize(start.size() + 64, 123456);
  }
};

TEST_P(Kernels8Test, DepthwiseConvolutions) {
  for (int i = 0; i < 200; ++i) {
    constexpr int kSizes[] = {3, 3, 3, 5, 7, 1, 2, 4};
    Depthwise8Call call;
    call.size = kSizes[i % 8];
    call.stride = 1 + i / 8 % 3;
    call.pad_top = below(call.size + 1);
    call.pad_left = below(call.size + 1);
    const auto in = input(1 + below(9), 1 + below(14), 1 + below(37));
    call.in = in.read();
    call.in_zero = below(256);
    const auto side = [&](int length, int pad) {
      return std::max(1, (length + pad + below(call.size + 1) - call.size) / call.stride + 1);
    };
    const int height = side(call.in.height, call.pad_top),
              width = side(call.in.width, call.pad_left);
    const int channels = call.in.channels, taps = call.size * call.size;
    call.first_row = below(height);
    call.row_count = 1 + below(height - call.first_row);
    set_end(call);
    const auto residual = input(height, width, channels);
    if (below(2) == 0) call.residual = residual.read();
    auto bias = floats(static_cast<std::size_t>(channels), -30, 30);
    auto scale = floats(static_cast<std::size_t>(channels), 1e-3, 4e-3);
    for (auto* array : {&bias, &scale}) array->resize(array->size() + 32, NAN);
    call.bias = bias.data();
    call.scale = scale.data();
    std::vector<int> kernel;
    for (int k = 0; k < taps * channels; ++k) kernel.push_back(below(255) - 127);
    const auto empty = output(height, width, channels);
    const auto run = [&](const Kernels8& table) {
      const DepthwiseWeights8 weights(table, kernel, call.size, channels, call.in_zero);
      TestMap<Byte> out = empty;
      Depthwise8Call own = call;
      own.weights = weights.packed.data();
      own.start = weights.start.data();
      own.out = out.view();
      table.depthwise(own);
      return out.values;
    };
    SCOPED_TRACE("size " + std::to_string(call.size) + ", stride " + std::to_string(call.stride));
    expect_close(run(kernels_), run(plain_));
    if (HasFailure()) return;
  }
}

TEST_P(Kernels8Test, MaxPools) {
  for (int i = 0; i < 120; ++i) {
    PoolCall<Byte> call;
    call.size = 1 + i % 5;
    call.stride = 1 + below(3);
    call.pad_top = below(call.size);
    call.pad_left = below(call.size);
    const auto in = input(call.size + below(8), call.size + below(8), 1 + below(90));
    call.in = in.read();
    const int height = (call.in.height + call.pad_top - call.size) / call.stride + 1;
    const int width = (call.in.width + call.pad_left - call.size) / call.stride + 1;
    call.first_row = below(height);
    call.row_count = 1 + below(height - call.first_row);
    const auto empty = output(height, width, call.in.channels);
    TestMap<Byte> found = empty, expected = empty;
    call.out = found.view();
    kernels_.max_pool(call);
    call.out = expected.view();
    plain_.max_pool(call);
    ASSERT_EQ(found.values, expected.values);
  }
}

TEST_P(Kernels8Test, QuantizesFloats) {
  for (std::size_t count = 1; count <= 70; ++count) {
    auto from = floats(count + 64, -40, 40);
    from[0] = 1e30F;  // clamped
    from[count / 2] = -1e30F;
    from[count - 1] = 4.5F;
    const float scale = static_cast<float>(random_.uniform(1, 8));
    const auto zero = static_cast<float>(below(256));
    std::vector<Byte> found(count + 1, kCanary), expected = found;
    kernels_.quantize(from.data(), count, scale, zero, found.data());
    plain_.quantize(from.data(), count, scale, zero, expected.data());
    ASSERT_EQ(found, expected);
  }
}

TEST_P(Kernels8Test, Blends) {
  for (int channels = 1; channels <= 40; ++channels) {
    BlendCall<Byte> call;
    call.channels = channels;
    std::vector<Byte> corners[4];
    for (std::size_t i = 0; i < 4; ++i) {
      corners[i].resize(static_cast<std::size_t>(channels) + kSlack);
      for (Byte& v : corners[i]) v = random_number<Byte>(random_);
      call.corners[i] = corners[i].data();
    }
    const float right = static_cast<float>(below(17)) / 16, down = static_cast<float>(below(5)) / 4;
    const float weights[] = {(1 - right) * (1 - down), right * (1 - down), (1 - right) * down,
                             right * down};
    std::copy_n(weights, 4, call.weights);
    std::vector<Byte> found(static_cast<std::size_t>(channels) + 1, kCanary), expected = found;
    call.out = found.data();
    kernels_.blend(call);
    call.out = expected.data();
    plain_.blend(call);
    ASSERT_EQ(found, expected);
  }
}

TEST_P(Kernels8Test, ZipsTwoTensors) {
  for (int count = 1; count <= 70; ++count) {
    std::vector<Byte> a(static_cast<std::size_t>(count)), b(a.size());
    for (auto* bytes : {&a, &b}) {
      for (Byte& v : *bytes) v = random_number<Byte>(random_);
    }
    std::vector<Byte> found(2 * a.size() + 1, kCanary), expected = found;
    kernels_.zip(a.data(), b.data(), count, found.data());
    plain_.zip(a.data(), b.data(), count, expected.data());
    ASSERT_EQ(found, expected);
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Kernels8Test);
INSTANTIATE_TEST_SUITE_P(Targets, Kernels8Test, ::testing::ValuesIn(vector_targets()),
                         [](const auto& test) { return std::string(name_of(test.param)); });

}  // namespace
}  // namespace oko::runtime
