#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "oko/runtime/test_c_api.h"

// For tests of live cameras by the C API.
namespace oko::runtime {

using LiveHandle = Owned<oko_live, oko_live_destroy>;

// What the small model sees in noise, it is not sure of.
inline const oko_thresholds kLow = [] {
  oko_thresholds thresholds{};
  thresholds.struct_size = sizeof thresholds;
  thresholds.score = .12F;
  return thresholds;
}();

inline ModelHandle open_sized(const std::vector<std::byte>& bytes, int side) {
  oko_model_options options{};
  options.struct_size = sizeof options;
  options.width = options.height = side;
  return open_model(bytes, &options);
}

inline oko_live_options live_options() {
  oko_live_options options{};
  options.struct_size = sizeof options;
  options.thresholds = &kLow;
  return options;
}

inline LiveHandle make_live(const std::vector<const oko_model*>& models,
                            const oko_live_options* options = nullptr) {
  oko_live* live = nullptr;
  EXPECT_EQ(oko_live_create(models.data(), models.size(), options, &live), OKO_OK)
      << oko_last_error();
  return LiveHandle(live);
}

inline oko_live_result next(const LiveHandle& live, double wait_ms = 0) {
  oko_live_result result{};
  result.struct_size = sizeof result;
  EXPECT_EQ(oko_live_next(live.get(), wait_ms, &result), OKO_OK) << oko_last_error();
  return result;
}

inline int submit(const LiveHandle& live, const oko_frame& frame, double seconds) {
  std::int32_t taken = -1;
  EXPECT_EQ(oko_live_submit(live.get(), &frame, seconds, &taken), OKO_OK) << oko_last_error();
  return taken;
}

inline oko_live_status status(const LiveHandle& live) {
  oko_live_status status{};
  status.struct_size = sizeof status;
  EXPECT_EQ(oko_live_get_status(live.get(), &status), OKO_OK);
  return status;
}

class LiveApi : public testing::Test {
 protected:
  const std::vector<std::byte> bytes_ = small_model();
  const ModelHandle model_ = open_model(bytes_), half_ = open_sized(bytes_, 32);
  std::vector<std::uint8_t> pixels_ = noise(std::size_t{3} * 80 * 60);
  const oko_frame frame_ = rgb_frame(pixels_, 80, 60);
};

}  // namespace oko::runtime
