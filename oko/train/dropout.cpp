#include "oko/train/dropout.h"

#include "oko/base/random.h"
#include "oko/train/map_runs.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The bits of a run, as drop() counts from `skipped` values after its beginning.
std::uint64_t from(std::uint64_t key, std::int64_t skipped) {
  const auto low = static_cast<std::uint32_t>(key) + static_cast<std::uint32_t>(skipped);
  return (key >> 32 << 32) | low;
}

// Draws by runs of the whole batch, in which x begins at image `first`.
at::Tensor dropped(const at::Tensor& map, double probability, std::uint64_t seed, int layer,
                   std::int64_t first) {
  const at::Tensor x = channels_last(map);
  const std::int64_t length = MapRuns(x).length;
  const std::int64_t begin = first * (x.numel() / x.size(0)), end = begin + x.numel();
  at::Tensor y = at::empty(x.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
  const auto threshold = static_cast<std::uint32_t>(std::min(probability * 0x1p32, 0x1p32 - 1));
  const float keep = probability < 1 ? static_cast<float>(1 / (1 - probability)) : 0.F;
  with_type_of(x, [&]<typename T>(T) {
    const auto drop_run = [&](std::int64_t run) {
      const auto stream = static_cast<std::uint64_t>(layer) << 32 | static_cast<std::uint64_t>(run);
      const std::int64_t start = std::max(begin, run * length);
      const std::int64_t stop = std::min(end, (run + 1) * length);
      drop(values_of<T>(x) + (start - begin), values_of<T>(y) + (start - begin), stop - start,
           from(Random(seed, stream).bits(), start - run * length), threshold, keep);
    };
    at::parallel_for(begin / length, (end + length - 1) / length, 1,
                     [&](std::int64_t run, std::int64_t last) {
                       for (; run < last; ++run) drop_run(run);
                     });
  });
  return y;
}

struct DropOut : torch::autograd::Function<DropOut> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, double probability,
                            std::int64_t seed, std::int64_t layer, std::int64_t first) {
    context->saved_data["probability"] = probability;
    context->saved_data["seed"] = seed;
    context->saved_data["layer"] = layer;
    context->saved_data["first"] = first;
    return dropped(x, probability, static_cast<std::uint64_t>(seed), static_cast<int>(layer),
                   first);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {dropped(gradients[0], context->saved_data["probability"].toDouble(),
                    static_cast<std::uint64_t>(context->saved_data["seed"].toInt()),
                    static_cast<int>(context->saved_data["layer"].toInt()),
                    context->saved_data["first"].toInt()),
            {},
            {},
            {},
            {}};
  }
};

}  // namespace

at::Tensor drop_out(const at::Tensor& x, double probability, std::uint64_t seed, int layer,
                    std::int64_t first) {
  return DropOut::apply(x, probability, static_cast<std::int64_t>(seed),
                        static_cast<std::int64_t>(layer), first);
}

}  // namespace oko::train
