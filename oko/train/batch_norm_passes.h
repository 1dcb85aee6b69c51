#pragma once

// What passes over a map for a batch norm and its activation are made of. Sums over a map are made
// run by run (map_runs.h), and do not depend on the number of threads.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "oko/train/map_runs.h"
#include "oko/train/trained_norm.h"

namespace oko::train {

// Per-channel values repeated over a whole period.
std::vector<float> repeated(const float* values, const Runs& runs);

// Two sums per run and channel: accumulated in float32 over a run, combined in double.
struct Sums {
  explicit Sums(const Runs& of)
      : runs(of), values(static_cast<std::size_t>(2 * runs.count * runs.channels)) {}

  double* first(std::int64_t run) { return values.data() + 2 * run * runs.channels; }
  double* second(std::int64_t run) { return first(run) + runs.channels; }
  const double* first(std::int64_t run) const { return values.data() + 2 * run * runs.channels; }
  const double* second(std::int64_t run) const { return first(run) + runs.channels; }

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

  void join(const Moments& other);
};

// The moments of every channel of a map, summed run by run, each by any thread. A run is summed
// relative to its first pixel, so that float32 suffices even if the mean is far from 0.
template <typename T>
class BatchMoments {
 public:
  BatchMoments(const T* values, const MapRuns& runs) : values_(values), runs_(runs), sums_(runs) {}

  void add(std::int64_t run) {
    const T* first = values_ + run * runs_.length;
    std::vector<float> pixel(static_cast<std::size_t>(runs_.channels));
    std::transform(first, first + runs_.channels, pixel.begin(), [](T v) { return to_float(v); });
    const std::vector<float> shift = repeated(pixel.data(), runs_);
    sums_.make(run, [&](float* sum, float* square) {
      add_moments(first, runs_.length_of(run), runs_.period, shift.data(), sum, square);
    });
  }
  // Of each channel, when all runs have been added.
  std::vector<Moments> all() const {
    std::vector<Moments> channels(static_cast<std::size_t>(runs_.channels));
    for (std::int64_t run = 0; run < runs_.count; ++run) {
      const double n = static_cast<double>(runs_.length_of(run) / runs_.channels);
      for (std::int64_t c = 0; c < runs_.channels; ++c) {
        const double step = sums_.first(run)[c] / n;
        const double shift = to_float(values_[run * runs_.length + c]);
        channels[c].join({n, shift + step, sums_.second(run)[c] - n * step * step});
      }
    }
    return channels;
  }

 private:
  const T* values_;
  const MapRuns& runs_;
  Sums sums_;
};

// Of a whole map, on several threads.
template <typename T>
std::vector<Moments> batch_moments(const at::Tensor& x) {
  const MapRuns runs(x);
  BatchMoments<T> moments(values_of<T>(x), runs);
  runs.for_each_run([&](std::int64_t run) { moments.add(run); });
  return moments.all();
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

// From the moments of the own batch; updates the running statistics.
Rows rows_of(const TrainedNorm& trained, std::vector<Moments> batch);

// Gradients of scale and bias, and the source of GradientVectors, each [channels].
struct ChannelGradients {
  ChannelGradients(const Sums& sums, const Rows& rows, Workers* workers);

  at::Tensor by_scale, by_bias;
  std::vector<float> through, along, across;
};

// GradientVectors with their storage.
struct RepeatedGradients {
  RepeatedGradients(const ChannelGradients& channels, const Runs& runs)
      : through(repeated(channels.through.data(), runs)),
        along(repeated(channels.along.data(), runs)),
        across(repeated(channels.across.data(), runs)) {}
  GradientVectors vectors() const { return {through.data(), along.data(), across.data()}; }

  std::vector<float> through, along, across;
};

// The passes over a map by the rows saved for it, pixel by pixel.
template <typename T>
class WholeMap {
 public:
  WholeMap(const at::Tensor& x, const Rows& rows, double slope)
      : x_(values_of<T>(x)), runs_(x), norm_(rows, runs_, slope) {}

  const MapRuns& runs() const { return runs_; }
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
  void input_gradient(const T* gradient, T* out, const GradientVectors& by) const {
    runs_.for_each([&](std::int64_t, std::int64_t offset, std::int64_t length) {
      input_gradient_of(offset, length, gradient, out + offset, by);
    });
  }
  // Of the values [offset, offset + length), which are whole pixels.
  void input_gradient_of(std::int64_t offset, std::int64_t length, const T* gradient, T* out,
                         const GradientVectors& by) const {
    train::input_gradient(x_ + offset, gradient + offset, out, length, runs_.period,
                          norm_.vectors(), by);
  }

 private:
  const T* x_;
  MapRuns runs_;
  Repeated norm_;
};

// The backward pass of a batch norm and its activation, of float32, up to the gradient of its
// input, which is computed where a convolution before it needs it.
class NormGradient {
 public:
  // From the map that was normalized, the rows saved for it, and the gradient of the result.
  NormGradient(const at::Tensor& x, const Rows& rows, double slope, Workers* workers,
               const at::Tensor& gradient)
      : gradient_(channels_last(gradient)), channels_(x.size(1)), map_(x, rows, slope) {
    Sums sums(map_.runs());
    map_.add_gradients(values_of<float>(gradient_), sums);
    by_channel_.emplace(sums, rows, workers);
    by_.emplace(*by_channel_, map_.runs());
  }

  // Of `count` pixels from `first` on, [count × channels] in `memory`, which it returns.
  const float* operator()(std::int64_t first, std::int64_t count, float* memory) const {
    map_.input_gradient_of(first * channels_, count * channels_, values_of<float>(gradient_),
                           memory, by_->vectors());
    return memory;
  }
  const ChannelGradients& by_channel() const { return *by_channel_; }

 private:
  at::Tensor gradient_;
  std::int64_t channels_;
  WholeMap<float> map_;
  std::optional<ChannelGradients> by_channel_;
  std::optional<RepeatedGradients> by_;
};

}  // namespace oko::train
