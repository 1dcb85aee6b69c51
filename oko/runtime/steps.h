#pragma once

#include <cstddef>
#include <vector>

#include "oko/runtime/kernels8.h"
#include "oko/runtime/plan.h"
#include "oko/runtime/team.h"

namespace oko::runtime {

// What a step needs to run, of one executor.
struct StepContext {
  const Kernels& kernels;
  const Kernels8& kernels8;
  Team& team;
  const Plan& plan;
  const std::byte* weights;
  const float* input;  // three planes
  std::byte* arena;
  std::byte* shared;
  std::vector<std::byte*> scratch;  // per thread
  std::vector<float*> heads;

  // T is float or std::uint8_t, the tensor's element type.
  template <typename T>
  View<T> view(const Map& map) const {
    const std::ptrdiff_t pixel = map.pixel;
    T* buffer = reinterpret_cast<T*>(arena + plan.buffers[map.buffer]);
    return {buffer + map.first,     map.shape.height, map.shape.width, map.shape.channels, pixel,
            pixel * map.shape.width};
  }
  template <typename T>
  View<const T> read(const Map& map) const {
    const View<T> v = view<T>(map);
    return {v.data, v.height, v.width, v.channels, v.pixel, v.row};
  }
};

void run_step(const Step& step, const StepContext& context);

// The largest of them; the others are in steps.cpp.
void run_convolution(const ConvolutionStep& step, const StepContext& context);

}  // namespace oko::runtime
