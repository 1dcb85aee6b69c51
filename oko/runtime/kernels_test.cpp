#include "oko/runtime/kernels.h"

#include "oko/base/half.h"
#include "oko/runtime/kernels_testing.h"
#include "oko/runtime/pack.h"

namespace oko::runtime {
namespace {

constexpr float kCanary = -777;  // no kernel may write there
const float kPoison = NAN;       // may be read but must not reach a result

class KernelsTest : public ::testing::TestWithParam<SimdTarget> {
 protected:
  int below(int count) { return TestMap<float>::below(random_, count); }
  std::vector<float> numbers(std::size_t count) {
    std::vector<float> values(count);
    for (float& v : values) v = random_number<float>(random_);
    return values;
  }
  TestMap<float> input(int height, int width, int channels) {
    TestMap<float> map(height, width, channels, random_, kPoison);
    map.fill(random_);
    return map;
  }
  TestMap<float> output(int height, int width, int channels) {
    return {height, width, channels, random_, kCanary};
  }

  // Both tables on the same call, which writes to `out`.
  template <typename Call, typename Kernel>
  void expect_same(Call call, View<float> Call::*place, const TestMap<float>& empty, Kernel kernel,
                   float share = 1e-5F) {
    TestMap<float> found = empty, expected = empty;
    call.*place = found.view();
    (kernels_.*kernel)(call);
    call.*place = expected.view();
    (plain_.*kernel)(call);
    expect_close(found.values, expected.values, share);
  }

  Random random_{7};
  const Kernels& kernels_ = kernels(GetParam());
  const Kernels& plain_ = scalar_kernels();
};

// [points][rows][columns] in panels.
std::vector<float> packed(std::span<const float> values, int points, int rows, int columns,
                          int lanes) {
  std::vector<float> out;
  for (int column = 0; column < columns;) {
    const int width = columns - column > lanes ? 2 * lanes : lanes;
    for (int row = 0; row < points * rows; ++row) {
      for (int c = column; c < column + width; ++c) {
        out.push_back(c < columns ? values[row * columns + c] : 0);
      }
    }
    column += width;
  }
  return out;
}

void expect_same_product(Random& random, const Kernels& found, const Kernels& plain, int rows,
                         int columns) {
  const auto below = [&](int count) { return TestMap<float>::below(random, count); };
  GemmCall call;
  call.rows = rows;
  call.columns = columns;
  call.depth = 1 + below(19);
  call.taps = below(3) == 0 ? 3 : 1;
  call.points = below(3) == 0 ? 4 : 1;
  call.point = below(call.points);
  call.a_row = call.depth + below(3);
  call.a_tap = call.a_row * rows + below(7);
  call.clamp = random_clamp(random);
  call.residual_clamp = random_clamp(random);
  call.c_row = columns + below(6);
  call.residual_row = columns + below(6);
  const auto numbers = [&](std::ptrdiff_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) v = random_number<float>(random);
    return values;
  };
  const auto a = numbers(call.a_tap * call.taps);
  const int depth = call.taps * call.depth;
  const auto b = numbers(std::ptrdiff_t{call.points} * depth * columns);
  auto bias = numbers(columns), residual = numbers(call.residual_row * rows);
  bias.resize(bias.size() + 64, kPoison);
  residual.resize(residual.size() + 64, kPoison);
  call.a = a.data();
  call.bias = below(4) == 0 ? nullptr : bias.data();
  call.residual = below(2) == 0 ? nullptr : residual.data();
  const auto run = [&](const Kernels& table) {
    const auto weights = packed(b, call.points, depth, columns, table.lanes);
    std::vector<float> c(static_cast<std::size_t>(call.c_row * (rows - 1) + columns), kCanary);
    GemmCall own = call;
    own.b = weights.data();
    own.c = c.data();
    table.gemm(own);
    return c;
  };
  SCOPED_TRACE(std::to_string(rows) + " rows, " + std::to_string(columns) + " columns, depth " +
               std::to_string(call.depth) + ", taps " + std::to_string(call.taps));
  expect_close(run(found), run(plain));
}

TEST_P(KernelsTest, MatrixProducts) {
  const int lanes = kernels_.lanes;
  for (int rows = 1; rows <= 33; ++rows) {
    for (const int columns : {1, lanes - 1, lanes, lanes + 1, 2 * lanes - 1, 2 * lanes,
                              2 * lanes + 1, 3 * lanes + 2, 4 * lanes}) {
      expect_same_product(random_, kernels_, plain_, rows, columns);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(KernelsTest, ProductsAreAddedToWhatIsThere) {
  for (int rows = 1; rows <= 33; ++rows) {
    for (const int vectors : {1, 2, 3}) {
      GemmCall call;
      call.rows = rows;
      call.columns = vectors * kernels_.lanes;
      call.depth = 1 + below(19);
      call.a_row = call.depth;
      call.c_row = call.columns + below(6);
      const auto a = numbers(static_cast<std::size_t>(rows * call.depth));
      const auto b = numbers(static_cast<std::size_t>(call.depth * call.columns));
      const auto c = numbers(static_cast<std::size_t>(rows * call.c_row));
      call.a = a.data();
      const auto run = [&](const Kernels& table, bool add) {
        const auto weights = packed(b, 1, call.depth, call.columns, table.lanes);
        auto sums = c;
        GemmCall own = call;
        own.b = weights.data();
        own.c = sums.data();
        own.add = add;
        table.gemm(own);
        return sums;
      };
      auto expected = run(plain_, false);
      for (int r = 0; r < rows; ++r) {
        for (int i = 0; i < call.columns; ++i) {
          expected[r * call.c_row + i] += c[r * call.c_row + i];
        }
      }
      expect_close(run(plain_, true), expected);
      expect_close(run(kernels_, true), expected);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(KernelsTest, WinogradPointsOfKernels) {
  for (int rows = 1; rows <= 5; ++rows) {
    for (const int vectors : {1, 2}) {
      WinogradKernels call;
      call.rows = rows;
      call.width = vectors * kernels_.lanes;
      call.point = rows * call.width + 3;
      const auto kernels = numbers(static_cast<std::size_t>(rows * kTaps * call.width));
      call.kernels = kernels.data();
      const auto run = [&](const Kernels& table) {
        std::vector<float> points(static_cast<std::size_t>(call.point * kPoints), kCanary);
        WinogradKernels own = call;
        own.points = points.data();
        table.winograd_kernels(own);
        return points;
      };
      expect_close(run(kernels_), run(plain_));
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(KernelsTest, WidensHalvesAndWritesNothingElse) {
  for (int vectors = 1; vectors <= 9; ++vectors) {
    const auto count = static_cast<std::size_t>(vectors * kernels_.lanes);
    std::vector<Half> halves;
    for (const float v : numbers(count)) halves.push_back(to_half(v));
    std::vector<float> found(count + 1, kCanary), expected = found;
    kernels_.widen(halves.data(), count, found.data());
    plain_.widen(halves.data(), count, expected.data());
    ASSERT_EQ(found, expected);
    ASSERT_EQ(found[0], to_float(halves[0]));
  }
}

TEST_P(KernelsTest, WinogradInputTiles) {
  for (int i = 0; i < 60; ++i) {
    const auto in = input(1 + below(11), 1 + below(11), 1 + below(40));
    WinogradInput call;
    call.in = in.read();
    call.pad_top = below(4);
    call.pad_left = below(4);
    call.tiles_across = 1 + (call.in.width + 2) / kTile;
    const int tiles = call.tiles_across * (1 + (call.in.height + 2) / kTile);
    call.first_tile = below(tiles);
    call.tile_count = 1 + below(tiles - call.first_tile);
    call.v_row = (call.in.channels + 15) / 16 * 16 + 16;
    call.v_point = call.v_row * call.tile_count;
    const auto run = [&](const Kernels& table) {
      std::vector<float> v(static_cast<std::size_t>(call.v_point * kPoints), kCanary), own;
      call.v = v.data();
      table.winograd_input(call);
      for (std::ptrdiff_t row = 0; row < call.tile_count * kPoints; ++row) {
        const float* from = v.data() + row * call.v_row;
        own.insert(own.end(), from, from + call.in.channels);
        EXPECT_EQ(from[call.v_row - 1], kCanary);
      }
      return own;
    };
    expect_close(run(kernels_), run(plain_));
    if (HasFailure()) return;
  }
}

TEST_P(KernelsTest, WinogradOutputTiles) {
  for (int i = 0; i < 90; ++i) {
    const bool even = i % 3 != 0;
    const int height = even ? 2 + 2 * below(5) : 1 + below(11);
    const int width = even ? 2 + 2 * below(5) : 1 + below(11);
    const int channels = 1 + below(40);
    WinogradOutput call;
    call.channels = channels;
    call.tiles_across = (width + kTile - 1) / kTile;
    const int tiles = call.tiles_across * ((height + kTile - 1) / kTile);
    call.first_tile = below(tiles);
    call.tile_count = 1 + below(tiles - call.first_tile);
    call.m_row = (channels + 31) / 32 * 32;
    call.m_point = call.m_row * call.tile_count;
    call.clamp = random_clamp(random_);
    call.residual_clamp = random_clamp(random_);
    const auto m = numbers(static_cast<std::size_t>(call.m_point * kPoints));
    auto bias = numbers(static_cast<std::size_t>(channels));
    bias.resize(bias.size() + 32, kPoison);
    call.m = m.data();
    call.bias = bias.data();
    const auto residual = input(height, width, channels);
    if (below(2) == 0) call.residual = residual.read();
    const auto out = output(height, width, channels);
    const auto pooled = output(height / 2, width / 2, channels);
    if (i % 3 != 1) {
      expect_same(call, &WinogradOutput::out, out, &Kernels::winograd_output);
    }
    if (i % 3 == 1) {
      expect_same(call, &WinogradOutput::pooled, pooled, &Kernels::winograd_output);
    }
    if (i % 3 == 2) {  // both
      auto beside = out;
      call.out = beside.view();
      expect_same(call, &WinogradOutput::pooled, pooled, &Kernels::winograd_output);
    }
    if (HasFatalFailure()) return;
  }
}

TEST_P(KernelsTest, DepthwiseConvolutions) {
  for (int i = 0; i < 240; ++i) {
    constexpr int kSizes[] = {3, 3, 3, 5, 7, 1, 2, 4};
    DepthwiseCall call;
    call.size = kSizes[i % 8];
    call.stride = 1 + i / 8 % 3;
    call.pad_top = below(call.size + 1);
    call.pad_left = below(call.size + 1);
    const auto in = input(1 + below(9), 1 + below(14), 1 + below(37));
    call.in = in.read();
    const auto side = [&](int length, int pad) {
      return std::max(1, (length + pad + below(call.size + 1) - call.size) / call.stride + 1);
    };
    const int height = side(call.in.height, call.pad_top),
              width = side(call.in.width, call.pad_left);
    const int channels = call.in.channels;
    call.first_row = below(height);
    call.row_count = 1 + below(height - call.first_row);
    call.clamp = random_clamp(random_);
    call.residual_clamp = random_clamp(random_);
    const auto residual = input(height, width, channels);
    if (below(2) == 0) call.residual = residual.read();
    auto bias = numbers(static_cast<std::size_t>(channels));
    bias.resize(bias.size() + 32, kPoison);
    call.bias = bias.data();
    const auto kernel = numbers(static_cast<std::size_t>(call.size * call.size * channels));
    const auto empty = output(height, width, channels);
    const auto run = [&](const Kernels& table) {
      const int row = (channels + table.lanes - 1) / table.lanes * table.lanes;
      std::vector<float> weights(static_cast<std::size_t>(call.size * call.size * row), 0);
      for (int t = 0; t < call.size * call.size; ++t) {
        std::copy_n(kernel.begin() + t * channels, channels, weights.begin() + t * row);
      }
      TestMap<float> out = empty;
      DepthwiseCall own = call;
      own.weights = weights.data();
      own.out = out.view();
      table.depthwise(own);
      return out.values;
    };
    SCOPED_TRACE("size " + std::to_string(call.size) + ", stride " + std::to_string(call.stride));
    expect_close(run(kernels_), run(plain_));
    if (HasFatalFailure()) return;
  }
}

TEST_P(KernelsTest, MaxPools) {
  for (int i = 0; i < 120; ++i) {
    PoolCall<float> call;
    call.size = 1 + i % 5;
    call.stride = 1 + below(3);
    call.pad_top = below(call.size);
    call.pad_left = below(call.size);
    const auto in = input(call.size + below(8), call.size + below(8), 1 + below(40));
    call.in = in.read();
    const int height = (call.in.height + call.pad_top - call.size) / call.stride + 1;
    const int width = (call.in.width + call.pad_left - call.size) / call.stride + 1;
    call.first_row = below(height);
    call.row_count = 1 + below(height - call.first_row);
    expect_same(call, &PoolCall<float>::out, output(height, width, call.in.channels),
                &Kernels::max_pool, 0);
    if (HasFatalFailure()) return;
  }
}

TEST_P(KernelsTest, PlanesToPixelsAndBack) {
  for (const int channels : {1, 2, 3, 4, 5, 8, 18, 255}) {
    for (const int count : {1, 3, 4, 7, 16, 33}) {
      const std::ptrdiff_t plane = count + 3;
      const auto planes = numbers(static_cast<std::size_t>(plane * channels));
      const auto total = static_cast<std::size_t>(channels * count);
      std::vector<float> pixels(total + 1, kCanary);
      kernels_.interleave(planes.data(), plane, channels, count, pixels.data());
      for (int i = 0; i < count; ++i) {
        for (int c = 0; c < channels; ++c) {
          ASSERT_EQ(pixels[i * channels + c], planes[c * plane + i]);
        }
      }
      ASSERT_EQ(pixels.back(), kCanary);
      const int pixel = channels + below(3);
      const auto wide = numbers(static_cast<std::size_t>(count * pixel));
      std::vector<float> back(static_cast<std::size_t>(plane * channels), kCanary);
      kernels_.to_planes(wide.data(), pixel, channels, count, back.data(), plane);
      for (int i = 0; i < plane; ++i) {
        for (int c = 0; c < channels; ++c) {
          ASSERT_EQ(back[c * plane + i], i < count ? wide[i * pixel + c] : kCanary);
        }
      }
    }
  }
}

TEST_P(KernelsTest, Sums) {
  for (std::size_t count = 1; count <= 40; ++count) {
    auto a = numbers(count + 64);
    const auto b = numbers(count + 64);
    const Clamp clamp = random_clamp(random_);
    std::vector<float> found(count + 1, kCanary), expected = found;
    kernels_.add(a.data(), b.data(), found.data(), count, clamp);
    plain_.add(a.data(), b.data(), expected.data(), count, clamp);
    expect_close(found, expected);
    kernels_.add(a.data(), b.data(), a.data(), count, clamp);  // onto one of them
    a.resize(count);
    expected.pop_back();
    expect_close(a, expected);
  }
}

TEST_P(KernelsTest, Blends) {
  for (int channels = 1; channels <= 40; ++channels) {
    BlendCall<float> call;
    call.channels = channels;
    std::vector<float> corners[4];
    for (std::size_t i = 0; i < 4; ++i) {
      corners[i] = numbers(static_cast<std::size_t>(channels) + 64);
      call.corners[i] = corners[i].data();
      call.weights[i] = numbers(1)[0];
    }
    std::vector<float> found(static_cast<std::size_t>(channels) + 1, kCanary), expected = found;
    call.out = found.data();
    kernels_.blend(call);
    call.out = expected.data();
    plain_.blend(call);
    expect_close(found, expected);
  }
}

TEST_P(KernelsTest, ZipsTwoTensors) {
  for (int count = 1; count <= 70; ++count) {
    const auto a = numbers(static_cast<std::size_t>(count)), b = numbers(a.size());
    std::vector<float> found(2 * a.size() + 1, kCanary), expected = found;
    kernels_.zip(a.data(), b.data(), count, found.data());
    plain_.zip(a.data(), b.data(), count, expected.data());
    ASSERT_EQ(found, expected);
  }
}

// Also of values that networks rarely have, where exponentials overflow.
TEST_P(KernelsTest, Activations) {
  using graph::Activation;
  std::vector<float> values{0,   -.5F, 1,    -20,  20,    -87,  -88,
                            -89, -103, -105, -160, -1e4F, 1e4F, -3e38F};
  for (int i = 0; i < 30; ++i) values.push_back(random_number<float>(random_) * 20);
  for (const Activation activation :
       {Activation::kLogistic, Activation::kSwish, Activation::kMish, Activation::kHardSigmoid,
        Activation::kHardSwish, Activation::kElu, Activation::kTanh}) {
    SCOPED_TRACE(graph::name_of(activation));
    std::vector<float> found = values, expected = values;
    kernels_.activate(activation, found.data(), found.size());
    plain_.activate(activation, expected.data(), expected.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_NEAR(found[i], expected[i], 1e-5F * std::fmax(1.F, std::fabs(expected[i])))
          << values[i];
    }
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KernelsTest);
INSTANTIATE_TEST_SUITE_P(Targets, KernelsTest, ::testing::ValuesIn(vector_targets()),
                         [](const auto& test) { return std::string(name_of(test.param)); });

}  // namespace
}  // namespace oko::runtime
