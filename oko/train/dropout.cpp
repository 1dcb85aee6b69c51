#include "oko/train/dropout.h"

#include "oko/base/random.h"
#include "oko/train/map_runs.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor dropped(const at::Tensor& map, double probability, std::uint64_t seed, int layer) {
  const at::Tensor x = channels_last(map);
  const MapRuns runs(x);
  at::Tensor y = at::empty(x.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
  const auto threshold = static_cast<std::uint32_t>(std::min(probability * 0x1p32, 0x1p32 - 1));
  const float keep = probability < 1 ? static_cast<float>(1 / (1 - probability)) : 0.F;
  with_type_of(x, [&]<typename T>(T) {
    runs.for_each([&](std::int64_t run, std::int64_t offset, std::int64_t length) {
      const auto stream = static_cast<std::uint64_t>(layer) << 32 | static_cast<std::uint64_t>(run);
      drop(values_of<T>(x) + offset, values_of<T>(y) + offset, length, Random(seed, stream).bits(),
           threshold, keep);
    });
  });
  return y;
}

struct DropOut : torch::autograd::Function<DropOut> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, double probability,
                            std::int64_t seed, std::int64_t layer) {
    context->saved_data["probability"] = probability;
    context->saved_data["seed"] = seed;
    context->saved_data["layer"] = layer;
    return dropped(x, probability, static_cast<std::uint64_t>(seed), static_cast<int>(layer));
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {dropped(gradients[0], context->saved_data["probability"].toDouble(),
                    static_cast<std::uint64_t>(context->saved_data["seed"].toInt()),
                    static_cast<int>(context->saved_data["layer"].toInt())),
            {},
            {},
            {}};
  }
};

}  // namespace

at::Tensor drop_out(const at::Tensor& x, double probability, std::uint64_t seed, int layer) {
  return DropOut::apply(x, probability, static_cast<std::int64_t>(seed),
                        static_cast<std::int64_t>(layer));
}

}  // namespace oko::train
