#include "oko/train/max_pool.h"

#include "oko/train/map_runs.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Pairs of rows of x and the result rows they produce, as offsets in values.
struct RowPairs {
  explicit RowPairs(const at::Tensor& x)
      : pictures(x.size(0)),
        channels(x.size(1)),
        height(x.size(2)),
        width(x.size(3)),
        rows(height / 2),
        columns(width / 2) {}

  // Calls body(offset of the upper row, of the lower row, of the result's row), on several threads.
  template <typename Body>
  void for_each(Body body) const {
    constexpr std::int64_t kGrain = 4;
    const std::int64_t row_values = width * channels;
    at::parallel_for(0, pictures * rows, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t upper = (i / rows * height + i % rows * 2) * row_values;
        body(upper, upper + row_values, i * columns * channels);
      }
    });
  }

  std::int64_t pictures, channels, height, width;
  std::int64_t rows, columns;  // of the result
};

struct MaxPool : torch::autograd::Function<MaxPool> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input) {
    const at::Tensor x = channels_last(input);
    const RowPairs pairs(x);
    at::Tensor y = at::empty({pairs.pictures, pairs.channels, pairs.rows, pairs.columns},
                             x.options(), at::MemoryFormat::ChannelsLast);
    with_type_of(x, [&]<typename T>(T) {
      const T* in = values_of<T>(x);
      pairs.for_each([&](std::int64_t upper, std::int64_t lower, std::int64_t result) {
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
    const RowPairs pairs(x);
    at::Tensor by_input = at::empty(x.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
    if (pairs.height % 2 != 0 || pairs.width % 2 != 0) by_input.zero_();
    with_type_of(x, [&]<typename T>(T) {
      const T* in = values_of<T>(x);
      T* out = values_of<T>(by_input);
      pairs.for_each([&](std::int64_t upper, std::int64_t lower, std::int64_t result) {
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
