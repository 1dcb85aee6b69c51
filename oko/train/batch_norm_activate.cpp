#include "oko/train/batch_norm_activate.h"

#include <optional>
#include <vector>

#include "oko/train/batch_norm_passes.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Sequentially in float32, as Darknet does: on a large feature map the rounding shows in the fifth
// digit, and training propagates it.
template <typename T>
std::vector<Moments> darknet_moments(const at::Tensor& x) {
  const std::int64_t channels = x.size(1);
  const float n = static_cast<float>(x.numel() / channels);
  std::vector<float> mean(static_cast<std::size_t>(channels)), sum(mean.size()),
      square(mean.size());
  add_moments(values_of<T>(x), x.numel(), channels, mean.data(), sum.data(), square.data());
  for (std::size_t c = 0; c < mean.size(); ++c) mean[c] = sum[c] / n;
  std::fill(square.begin(), square.end(), 0.F);
  add_moments(values_of<T>(x), x.numel(), channels, mean.data(), sum.data(), square.data());
  std::vector<Moments> all;
  for (std::size_t c = 0; c < mean.size(); ++c) all.push_back({n, mean[c], square[c]});
  return all;
}

// As WholeMap, with the largest values of 2x2 windows as the result.
template <typename T>
class HalvedMap {
 public:
  HalvedMap(const at::Tensor& x, const Rows& rows, double slope)
      : x_(values_of<T>(x)), runs_(x), norm_(rows, runs_, slope) {}

  const Runs& runs() const { return runs_; }
  void normalize(T* y) const {
    runs_.for_each_run([&](std::int64_t run) {
      runs_.for_each_pair(run, [&](std::int64_t upper, std::int64_t lower, std::int64_t result) {
        normalize_pairs(x_ + upper, x_ + lower, y + result, runs_.columns, runs_.channels,
                        norm_.vectors());
      });
    });
  }
  void add_gradients(const T* gradient, Sums& sums) const {
    runs_.for_each_run([&](std::int64_t run) {
      sums.make(run, [&](float* sum, float* product) {
        runs_.for_each_pair(run, [&](std::int64_t upper, std::int64_t lower, std::int64_t result) {
          add_pair_gradients(x_ + upper, x_ + lower, gradient + result, runs_.columns,
                             runs_.channels, norm_.vectors(), sum, product);
        });
      });
    });
  }
  void input_gradient(const T* gradient, T* out, GradientVectors by) const {
    runs_.for_each_run([&](std::int64_t run) {
      runs_.for_each_pair(run, [&](std::int64_t upper, std::int64_t lower, std::int64_t result) {
        pair_input_gradient(x_ + upper, x_ + lower, gradient + result, out + upper, out + lower,
                            runs_.columns, runs_.channels, norm_.vectors(), by);
      });
    });
  }

 private:
  const T* x_;
  PairRuns runs_;
  Repeated norm_;
};

template <typename T, typename Body>
void with_map(const at::Tensor& x, const Rows& rows, double slope, bool halve, Body body) {
  halve ? body(HalvedMap<T>(x, rows, slope)) : body(WholeMap<T>(x, rows, slope));
}

struct BatchNormActivate : torch::autograd::Function<BatchNormActivate> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor&,
                            const at::Tensor&, const TrainedNorm& trained, double slope,
                            bool halve) {
    const at::Tensor x = channels_last(input);
    const std::int64_t divisor = halve ? 2 : 1;
    at::Tensor y = at::empty({x.size(0), x.size(1), x.size(2) / divisor, x.size(3) / divisor},
                             x.options(), at::MemoryFormat::ChannelsLast);
    std::optional<Rows> rows;
    with_type_of(x, [&]<typename T>(T) {
      rows = rows_of(
          trained, trained.norm.epsilon_outside_root ? darknet_moments<T>(x) : batch_moments<T>(x));
      with_map<T>(x, *rows, slope, halve, [&](const auto& map) { map.normalize(values_of<T>(y)); });
    });
    context->save_for_backward({x, rows->tensor});
    context->saved_data["slope"] = slope;
    context->saved_data["halve"] = halve;
    context->saved_data["workers"] = reinterpret_cast<std::int64_t>(trained.workers);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor gradient = channels_last(gradients[0].to(x.scalar_type()));
    const Rows rows(saved[1]);
    const double slope = context->saved_data["slope"].toDouble();
    at::Tensor by_input = at::empty(x.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
    auto* const workers = reinterpret_cast<Workers*>(context->saved_data["workers"].toInt());
    variable_list by_parameters;
    with_type_of(x, [&]<typename T>(T) {
      with_map<T>(x, rows, slope, context->saved_data["halve"].toBool(), [&](const auto& map) {
        Sums sums(map.runs());
        map.add_gradients(values_of<T>(gradient), sums);
        const ChannelGradients channel(sums, rows, workers);
        const RepeatedGradients by(channel, map.runs());
        map.input_gradient(values_of<T>(gradient), values_of<T>(by_input), by.vectors());
        by_parameters = {channel.by_scale, channel.by_bias};
      });
    });
    return {by_input, by_parameters[0], by_parameters[1], {}, {}, {}};
  }
};

}  // namespace

at::Tensor batch_norm_activate(const at::Tensor& x, const TrainedNorm& trained, double slope,
                               bool halve) {
  return BatchNormActivate::apply(x, trained.scale, trained.bias, trained, slope, halve);
}

}  // namespace oko::train
