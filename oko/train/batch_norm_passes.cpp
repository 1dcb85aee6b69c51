#include "oko/train/batch_norm_passes.h"

#include <cmath>

namespace oko::train {
namespace {

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

void move(float& running, double batch, double momentum) {
  running = static_cast<float>(momentum * running + (1 - momentum) * batch);
}

}  // namespace

std::vector<float> repeated(const float* values, const Runs& runs) {
  std::vector<float> result(static_cast<std::size_t>(runs.period));
  for (std::int64_t i = 0; i < runs.period; i += runs.channels) {
    std::copy_n(values, runs.channels, result.begin() + i);
  }
  return result;
}

// Chan, Golub and LeVeque (1979).
void Moments::join(const Moments& other) {
  const double step = other.mean - mean, both = count + other.count;
  mean += step * other.count / both;
  squares += other.squares + step * step * count * other.count / both;
  count = both;
}

Rows rows_of(const TrainedNorm& trained, std::vector<Moments> batch) {
  const auto& [scale, bias, mean, variance, momentum, norm, workers] = trained;
  const Rows rows = Rows::of(std::ssize(batch));
  if (workers != nullptr) join_workers(batch, values_of<float>(mean), *workers);
  for (std::size_t c = 0; c < batch.size(); ++c) {
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
  return rows;
}

// The gradient of the input depends on all workers' batches; those of scale and bias are of the own
// one, like every parameter's, and summed later.
ChannelGradients::ChannelGradients(const Sums& sums, const Rows& rows, Workers* workers) {
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

}  // namespace oko::train
