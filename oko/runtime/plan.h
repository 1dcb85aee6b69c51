#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "oko/graph/network.h"
#include "oko/graph/precision.h"
#include "oko/runtime/kernels.h"
#include "oko/runtime/quantization.h"

// A network prepared for execution: layers fused into steps, every tensor assigned an offset in one
// arena, every kernel an offset in one block of packed weights. Built once; executors only follow
// it.
namespace oko::runtime {

using graph::Precision;

enum class Number : std::uint8_t { kFloat, kByte };

// Where a tensor is stored: channels-last, in a buffer of the arena. The inputs of a concatenation
// are written side by side into its pixels, so that a route costs nothing.
struct Map {
  int buffer = -1;  // -1: the network's input, three planes
  int first = 0;    // first channel of this tensor in the buffer's pixels
  int pixel = 0;    // elements from one pixel to the next
  graph::Shape shape;
  Number number = Number::kFloat;
  Scale scale{};  // for int8
};

// The epilogue of a step. Activations that are not a Clamp are applied in a second pass.
struct Finish {
  Clamp clamp;
  graph::Activation after = graph::Activation::kLinear;
  Clamp residual_clamp;
};

enum class Algorithm { kGemm, kWinograd, kDepthwise };
const char* name_of(Algorithm algorithm);  // "gemm", "winograd", "depthwise"

struct ConvolutionStep {
  int layer = 0;  // whose weights it uses
  graph::Convolution convolution;
  Algorithm algorithm = Algorithm::kGemm;
  Map in;
  std::optional<Map> out, pooled;  // one of them or both; pooled: 2x2 maxima
  std::optional<Map> residual;     // added after the activation
  graph::Shape output;             // before pooling
  Finish finish;
  bool half = false;  // packed weights are float16
  // Bytes into the packed weights. Int8 has the last three too: see pack.h.
  std::size_t weights = 0, bias = 0, scales = 0, starts = 0, factors = 0;
};
struct InputStep {  // planes to channels-last
  Map out;
};
struct QuantizeStep {  // float32 to int8, through an activation
  graph::Activation activation = graph::Activation::kLinear;
  Map in, out;
};
struct PoolStep {
  graph::MaxPool pool;
  Map in, out;
};
struct AverageStep {
  graph::AveragePool pool;
  Map in, out;
};
struct UpsampleStep {
  int scale = 2;
  Map in, out;
};
struct BilinearStep {
  graph::Grid grid = graph::Grid::kHalfPixel;
  Map in, out;
};
struct ShuffleStep {
  std::vector<Map> in;  // the groups, whose channels are taken in turn
  Map out;
};
struct SpaceToDepthStep {
  graph::SpaceToDepth layout;
  Map in, out;
};
struct AddStep {  // inputs of fewer channels count as if they had zeros
  std::vector<Map> in;
  Map out;
  Finish finish;
};
struct MultiplyStep {
  std::vector<Map> in;
  Map out;
  Finish finish;
};
struct AttentionStep {
  graph::Attention attention;
  Map in, out;
};
struct CopyStep {
  Map in, out;
};
struct SoftmaxStep {
  Map in, out;
};
struct HeadStep {  // channels-last to planes
  Map in;
  int head = 0;
};

struct Step {
  int layer = 0;  // the layer it computes, the last one if several are fused
  std::variant<ConvolutionStep, InputStep, QuantizeStep, PoolStep, AverageStep, UpsampleStep,
               BilinearStep, ShuffleStep, SpaceToDepthStep, AddStep, MultiplyStep, AttentionStep,
               CopyStep, SoftmaxStep, HeadStep>
      work;
};

struct Plan {
  SimdTarget target = SimdTarget::kScalar;
  Precision precision = Precision::kFloat32;
  graph::Shape input;
  std::vector<Step> steps;
  std::vector<std::size_t> buffers;  // byte offset of each in the arena
  std::size_t arena_bytes = 0;       // of all tensors alive at one time
  std::size_t shared_bytes = 0;      // scratch of a step, for all its threads together
  std::size_t thread_bytes = 0;      // and for each of them
  std::size_t weight_bytes = 0;      // packed
  std::vector<graph::Shape> heads;
};

// Bytes of a pixel as floats, including what kernels may read past it.
inline std::size_t pixel_bytes(const Map& map) {
  return aligned(static_cast<std::size_t>(map.shape.channels) * sizeof(float) + kSlack);
}

// A file must not be able to exhaust an app's memory. Tensors alive at one time, the scratch memory
// of a step, and the input with the heads may each take this much, enough for YOLOv3 at 2300x2300
// pixels; packed weights twice as much.
inline constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;

struct PlanOptions {
  Precision precision = Precision::kFloat32;
  SimdTarget target = best_simd_target();
};

// Throws an input Error for a network without weights, that needs more than kMostBytes, or whose
// int8 sums do not fit 32 bits.
Plan make_plan(const graph::Network& network, const PlanOptions& options);

// Calls body(const Map&) for every tensor that a step reads or writes.
template <typename Body>
void for_maps(const Step& step, const Body& body) {
  const auto visit = [&](const auto& s) {
    using T = std::decay_t<decltype(s)>;
    if constexpr (std::is_same_v<T, AddStep> || std::is_same_v<T, MultiplyStep> ||
                  std::is_same_v<T, ShuffleStep>) {
      for (const Map& map : s.in) body(map);
    } else if constexpr (!std::is_same_v<T, InputStep>) {
      body(s.in);
    }
    if constexpr (std::is_same_v<T, ConvolutionStep>) {
      for (const auto* map : {&s.out, &s.pooled, &s.residual}) {
        if (*map) body(**map);
      }
    } else if constexpr (!std::is_same_v<T, HeadStep>) {
      body(s.out);
    }
  };
  std::visit(visit, step.work);
}

// "conv 3x3 winograd + pool": for tables.
std::string describe(const Step& step);

}  // namespace oko::runtime
