#include "oko/runtime/profile/peak.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "oko/base/simd_targets.h"

// As oko/runtime/kernels.cpp.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (OKO_SIMD_UNUSED | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oko/runtime/profile/peak.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "oko/base/simd_select.h"
#include "oko/runtime/gemm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oko::runtime::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

// Each sum depends on its last value, sum = sum · number + number, so that nothing can be hoisted
// out of the loop.
double float_rounds(int rounds, float* numbers) {
  namespace hn = hwy::HWY_NAMESPACE;
  namespace engine = runtime::HWY_NAMESPACE;
  const engine::D d;
  constexpr int kRows = engine::kMaxRows;
  const auto number = hn::LoadU(d, numbers);
  engine::V sum[kRows][2];
  for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = number;
  for (int round = 0; round < rounds; ++round) {
    for (int r = 0; r < kRows; ++r) {
      sum[r][0] = hn::MulAdd(sum[r][0], number, number);
      sum[r][1] = hn::MulAdd(sum[r][1], number, number);
    }
  }
  auto all = hn::Zero(d);
  for (int r = 0; r < kRows; ++r) all = hn::Add(all, hn::Add(sum[r][0], sum[r][1]));
  hn::StoreU(all, d, numbers);
  return 2. * engine::kLanes * kRows * 2 * rounds;
}

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace oko::runtime {

Peak::Loop Peak::float_loop(SimdTarget target) {
  OKO_SIMD_SELECT(target, float_rounds);
  return nullptr;
}

Peak::Peak(SimdTarget target, bool bytes, int threads)
    : loop_(bytes ? byte_loop(target) : float_loop(target)), team_(threads) {}

void Peak::measure() {
  if (loop_ == nullptr) return;
  constexpr int kRounds = 2048, kTasks = 48;  // about 20 µs each, so that threads finish together
  const int tasks = kTasks * team_.size();
  const auto work = [this](int, int) {
    std::array<float, kPeakNumbers> numbers;
    numbers.fill(.5F);
    loop_(kRounds, numbers.data());
  };
  team_.run(team_.size(), work);  // wakes the threads
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  team_.run(tasks, work);
  const std::chrono::duration<double> seconds = Clock::now() - begin;
  std::array<float, kPeakNumbers> numbers{};
  best_ = std::max(best_, tasks * loop_(kRounds, numbers.data()) / seconds.count());
}

}  // namespace oko::runtime
#endif
