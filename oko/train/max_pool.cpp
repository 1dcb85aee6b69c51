#include "oko/train/max_pool.h"

#include "oko/train/map_runs.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Calls body(offset of the upper row, of the lower row, of the result's row), on several threads.
template <typename Body>
void for_each_pair(const PairRuns& runs, Body body) {
  runs.for_each_run([&](std::int64_t run) { runs.for_each_pair(run, body); });
}

struct MaxPool : torch::autograd::Function<MaxPool> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input) {
    const at::Tensor x = channels_last(input);
    const PairRuns pairs(x);
    at::Tensor y = at::empty({x.size(0), pairs.channels, pairs.rows, pairs.columns}, x.options(),
                             at::MemoryFormat::ChannelsLast);
    with_type_of(x, [&]<typename T>(T) {
      const T* in = values_of<T>(x);
      for_each_pair(pairs, [&](std::int64_t upper, std::int64_t lower, std::int64_t result) {
        max_of_pairs(in + upper, in + lower, values_of<T>(y) + result, pairs.columns,
                     pairs.channels);
      });
    });
    context->save_for_backward({x});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::Tensor x = context->get_saved_variables()[0];
    const at::Tensor gradient = channels_last(gradients[0].to(x.scalar_type()));
    const PairRuns pairs(x);
    at::Tensor by_input = at::empty(x.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
    if (pairs.height % 2 != 0 || pairs.width % 2 != 0) by_input.zero_();
    with_type_of(x, [&]<typename T>(T) {
      const T* in = values_of<T>(x);
      T* out = values_of<T>(by_input);
      for_each_pair(pairs, [&](std::int64_t upper, std::int64_t lower, std::int64_t result) {
        max_of_pairs_gradient(in + upper, in + lower, values_of<T>(gradient) + result, out + upper,
                              out + lower, pairs.columns, pairs.channels);
      });
    });
    return {by_input};
  }
};

}  // namespace

at::Tensor max_pool_2x2(const at::Tensor& x) { return MaxPool::apply(x); }

}  // namespace oko::train
