#include "oko/train/batch_norm_activate.h"

#include <cmath>
#include <vector>

#include "oko/train/map_runs.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Per-channel values repeated over a whole period.
std::vector<float> repeated(const float* values, const Runs& runs) {
  std::vector<float> result(static_cast<std::size_t>(runs.period));
  for (std::int64_t i = 0; i < runs.period; i += runs.channels) {
    std::copy_n(values, runs.channels, result.begin() + i);
  }
  return result;
}

// Two sums per run and channel: accumulated in float32 over a run, combined in double.
struct Sums {
  explicit Sums(const Runs& of)
      : runs(of), values(static_cast<std::size_t>(2 * runs.count * runs.channels)) {}

  double* first(std::int64_t run) { return values.data() + 2 * run * runs.channels; }
  double* second(std::int64_t run) { return first(run) + runs.channels; }

  // Calls add(sum, sum) to add a run to sums along a period, and keeps their per-channel totals.
  template <typename Add>
  void make(std::int64_t run, Add add) {
    std::vector<float> a(static_cast<std::size_t>(runs.period)), b(a.size());
    add(a.data(), b.data());
    for (std::int64_t i = 0; i < runs.period; i += runs.channels) {
      for (std::int64_t c = 0; c < runs.channels; ++c) {
        first(run)[c] += a[i + c];
        second(run)[c] += b[i + c];
      }
    }
  }

  const Runs& runs;
  std::vector<double> values;
};

// Mean and sum of squared deviations, of one run or of all.
struct Moments {
  double count = 0, mean = 0, squares = 0;

  // Chan, Golub and LeVeque (1979).
  void join(const Moments& other) {
    const double step = other.mean - mean, both = count + other.count;
    mean += step * other.count / both;
    squares += other.squares + step * step * count * other.count / both;
    count = both;
  }
};

// A run is summed relative to its first pixel, so that float32 suffices even if the mean is far
// from 0.
template <typename T>
std::vector<Moments> batch_moments(const at::Tensor& x, const MapRuns& runs) {
  const T* values = values_of<T>(x);
  Sums sums(runs);
  runs.for_each([&](std::int64_t run, std::int64_t offset, std::int64_t length) {
    std::vector<float> pixel(static_cast<std::size_t>(runs.channels));
    std::transform(values + offset, values + offset + runs.channels, pixel.begin(),
                   [](T v) { return to_float(v); });
    const std::vector<float> shift = repeated(pixel.data(), runs);
    sums.make(run, [&](float* sum, float* square) {
      add_moments(values + offset, length, runs.period, shift.data(), sum, square);
    });
  });
  std::vector<Moments> all(static_cast<std::size_t>(runs.channels));
  for (std::int64_t run = 0; run < runs.count; ++run) {
    const double n = static_cast<double>(runs.length_of(run) / runs.channels);
    for (std::int64_t c = 0; c < runs.channels; ++c) {
      const double step = sums.first(run)[c] / n;
      const double shift = to_float(values[run * runs.length + c]);
      all[c].join({n, shift + step, sums.second(run)[c] - n * step * step});
    }
  }
  return all;
}

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

// Makes the moments of each channel those of all workers' batches together. They are summed about
// the running mean, which is the same on all and near the batch's, so that nothing is lost.
void join_workers(std::vector<Moments>& channels, const float* shift, Workers& workers) {
  std::vector<double> sums;
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const auto& [count, mean, squares] = channels[c];
    const double step = mean - shift[c];
    sums.insert(sums.end(), {count, count * step, squares + count * step * step});
  }
  workers.sum(sums);
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const double count = sums[3 * c], step = sums[3 * c + 1] / count;
    channels[c] = {count, shift[c] + step, sums[3 * c + 2] - count * step * step};
  }
}

// Saved by the forward pass for the backward pass, each [channels] of one tensor.
struct Rows {
  explicit Rows(at::Tensor rows)
      : tensor(std::move(rows)),
        mean(values_of<float>(tensor)),
        factor(mean + tensor.size(1)),
        bias(factor + tensor.size(1)),
        inverse(bias + tensor.size(1)),
        back(inverse + tensor.size(1)) {}
  static Rows of(std::int64_t channels) { return Rows(at::empty({5, channels}, at::kFloat)); }

  at::Tensor tensor;
  float *mean, *factor, *bias;
  float *inverse, *back;  // 1 / root of the forward and of the backward pass
};

// NormVectors with their storage.
struct Repeated {
  Repeated(const Rows& rows, const Runs& runs, double slope_)
      : mean(repeated(rows.mean, runs)),
        factor(repeated(rows.factor, runs)),
        bias(repeated(rows.bias, runs)),
        slope(static_cast<float>(slope_)) {}
  NormVectors vectors() const { return {mean.data(), factor.data(), bias.data(), slope}; }

  std::vector<float> mean, factor, bias;
  float slope;
};

// Gradients of scale and bias, and the source of GradientVectors, each [channels].
struct ChannelGradients {
  // The gradient of the input depends on all workers' batches; those of scale and bias are of the
  // own one, like every parameter's, and summed later.
  ChannelGradients(Sums& sums, const Rows& rows, Workers* workers) {
    const Runs& runs = sums.runs;
    by_scale = at::empty({runs.channels}, at::kFloat);
    by_bias = at::empty({runs.channels}, at::kFloat);
    std::vector<double> all(static_cast<std::size_t>(2 * runs.channels + 1));  // and the count
    all.back() = static_cast<double>(runs.total / runs.channels);
    for (std::int64_t c = 0; c < runs.channels; ++c) {
      double &sum = all[2 * c], &product = all[2 * c + 1];
      for (std::int64_t run = 0; run < runs.count; ++run) {
        sum += sums.first(run)[c];
        product += sums.second(run)[c];
      }
      values_of<float>(by_bias)[c] = static_cast<float>(sum);
      values_of<float>(by_scale)[c] = static_cast<float>(rows.inverse[c] * product);
    }
    if (workers != nullptr) workers->sum(all);
    const double n = all.back();
    for (std::int64_t c = 0; c < runs.channels; ++c) {
      const double sum = all[2 * c], product = all[2 * c + 1];
      const double inverse = rows.inverse[c], back = rows.back[c];
      const double scaled_back = rows.factor[c] / inverse * back;
      through.push_back(static_cast<float>(scaled_back));
      along.push_back(static_cast<float>(-scaled_back * back * back * product / n));
      across.push_back(static_cast<float>(-scaled_back * sum / n));
    }
  }

  at::Tensor by_scale, by_bias;
  std::vector<float> through, along, across;
};

// The divisors of values and of gradients.
struct Roots {
  double forward, backward;
};
Roots usual_roots(double variance, double epsilon) {
  return {std::sqrt(variance + epsilon), std::sqrt(variance + epsilon)};
}
// Darknet's backward pass uses a different epsilon in a different place than its forward pass.
Roots darknet_roots(double variance, double epsilon) {
  constexpr double kBackwardEpsilon = 1e-5;
  return {std::sqrt(variance) + epsilon, std::sqrt(variance + kBackwardEpsilon)};
}

// The passes over the map by the rows saved for it: pixel by pixel, or with the largest values of
// 2x2 windows as the result.
template <typename T>
class WholeMap {
 public:
  WholeMap(const at::Tensor& x, const Rows& rows, double slope)
      : x_(values_of<T>(x)), runs_(x), norm_(rows, runs_, slope) {}

  const Runs& runs() const { return runs_; }
  void normalize(T* y) const {
    runs_.for_each([&](std::int64_t, std::int64_t offset, std::int64_t length) {
      train::normalize(x_ + offset, y + offset, length, runs_.period, norm_.vectors());
    });
  }
  void add_gradients(const T* gradient, Sums& sums) const {
    runs_.for_each([&](std::int64_t run, std::int64_t offset, std::int64_t length) {
      sums.make(run, [&](float* sum, float* product) {
        train::add_gradients(x_ + offset, gradient + offset, length, runs_.period, norm_.vectors(),
                             sum, product);
      });
    });
  }
  void input_gradient(const T* gradient, T* out, GradientVectors by) const {
    runs_.for_each([&](std::int64_t, std::int64_t offset, std::int64_t length) {
      train::input_gradient(x_ + offset, gradient + offset, out + offset, length, runs_.period,
                            norm_.vectors(), by);
    });
  }

 private:
  const T* x_;
  MapRuns runs_;
  Repeated norm_;
};

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
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& scale, const at::Tensor& bias, at::Tensor mean,
                            at::Tensor variance, double momentum, const graph::BatchNorm& norm,
                            double slope, bool halve, Workers* workers) {
    const at::Tensor x = channels_last(input);
    const MapRuns runs(x);
    const Rows rows = Rows::of(runs.channels);
    const std::int64_t divisor = halve ? 2 : 1;
    at::Tensor y = at::empty({x.size(0), x.size(1), x.size(2) / divisor, x.size(3) / divisor},
                             x.options(), at::MemoryFormat::ChannelsLast);
    with_type_of(x, [&]<typename T>(T) {
      std::vector<Moments> batch =
          norm.epsilon_outside_root ? darknet_moments<T>(x) : batch_moments<T>(x, runs);
      if (workers != nullptr) join_workers(batch, values_of<float>(mean), *workers);
      for (std::int64_t c = 0; c < runs.channels; ++c) {
        const auto& [n, centre, squares] = batch[c];
        const double unbiased = squares / std::max(1.0, n - 1);
        const Roots roots = norm.epsilon_outside_root ? darknet_roots(unbiased, norm.epsilon)
                                                      : usual_roots(squares / n, norm.epsilon);
        rows.mean[c] = static_cast<float>(centre);
        rows.factor[c] = static_cast<float>(values_of<float>(scale)[c] / roots.forward);
        rows.bias[c] = values_of<float>(bias)[c];
        rows.inverse[c] = static_cast<float>(1 / roots.forward);
        rows.back[c] = static_cast<float>(1 / roots.backward);
        move(values_of<float>(mean)[c], centre, momentum);
        move(values_of<float>(variance)[c], unbiased, momentum);
      }
      with_map<T>(x, rows, slope, halve, [&](const auto& map) { map.normalize(values_of<T>(y)); });
    });
    context->save_for_backward({x, rows.tensor});
    context->saved_data["slope"] = slope;
    context->saved_data["halve"] = halve;
    context->saved_data["workers"] = reinterpret_cast<std::int64_t>(workers);
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
        const std::vector<float> through = repeated(channel.through.data(), map.runs());
        const std::vector<float> along = repeated(channel.along.data(), map.runs());
        const std::vector<float> across = repeated(channel.across.data(), map.runs());
        map.input_gradient(values_of<T>(gradient), values_of<T>(by_input),
                           {through.data(), along.data(), across.data()});
        by_parameters = {channel.by_scale, channel.by_bias};
      });
    });
    return {by_input, by_parameters[0], by_parameters[1], {}, {}, {}, {}, {}, {}, {}};
  }

 private:
  static void move(float& running, double batch, double momentum) {
    running = static_cast<float>(momentum * running + (1 - momentum) * batch);
  }
};

}  // namespace

at::Tensor batch_norm_activate(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& bias,
                               at::Tensor mean, at::Tensor variance, double momentum,
                               const graph::BatchNorm& norm, double slope, Workers* workers,
                               bool halve) {
  return BatchNormActivate::apply(x, scale, bias, std::move(mean), std::move(variance), momentum,
                                  norm, slope, halve, workers);
}

}  // namespace oko::train
