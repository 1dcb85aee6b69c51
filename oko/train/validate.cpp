#include "oko/train/validate.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "oko/base/clock.h"
#include "oko/media/picture.h"

namespace oko::train {
namespace {

// The ranges of images that this worker runs: every n-th batch.
std::vector<std::pair<std::size_t, std::size_t>> batches_of(std::size_t count, std::size_t batch,
                                                            const Workers* workers) {
  const auto share = static_cast<std::size_t>(workers == nullptr ? 0 : workers->rank());
  const auto shares = static_cast<std::size_t>(workers == nullptr ? 1 : workers->size());
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (std::size_t first = share * batch; first < count; first += shares * batch) {
    ranges.emplace_back(first, std::min(first + batch, count));
  }
  return ranges;
}

// A detection on its way to another worker.
struct Sent {
  std::uint32_t image = 0;
  detect::Detection detection;
};
static_assert(std::is_trivially_copyable_v<Sent>);

}  // namespace

Validation::Validation(const dataset::Dataset& dataset, const graph::Network& network, int threads,
                       std::size_t cache_bytes)
    : dataset_(dataset),
      size_{network.input.width, network.input.height},
      preprocess_(network.preprocess),
      pool_(std::max(1, threads - 1)),
      kept_(cache_bytes / (static_cast<std::size_t>(network.input.count()) * sizeof(float))),
      items_(std::min(kept_, dataset.samples.size())) {}

Validation::Item Validation::prepare(std::size_t index) const {
  const dataset::Sample& sample = dataset_.samples[index];
  const image::Picture picture =
      media::decode(dataset::picture_bytes(dataset_, sample), sample.image);
  Item item;
  item.input.resize(static_cast<std::size_t>(size_.width) * static_cast<std::size_t>(size_.height) *
                    3);
  item.placement = image::letterbox(picture.frame(), size_, preprocess_, item.input);
  const auto w = static_cast<float>(size_.width), h = static_cast<float>(size_.height);
  for (const auto& object : sample.objects) {
    if (object.crowd) continue;
    const image::Box box = item.placement.to_input(object.box);
    item.truths.push_back({object.class_id, (box.left + box.right) / 2 / w,
                           (box.top + box.bottom) / 2 / h, box.width() / w, box.height() / h});
  }
  return item;
}

void Validation::read_ahead(std::span<const Range> batches) const {
  std::vector<std::size_t> missing;
  for (const auto& [first, last] : batches) {
    for (std::size_t i = first; i < last; ++i) {
      if (i >= items_.size() || items_[i].input.empty()) missing.push_back(i);
    }
  }
  dataset::read_ahead(dataset_, missing);
}

LossSums Validation::loss_of(const Item& item, const graph::Network& network,
                             std::span<const detect::HeadMap> maps,
                             const LossOptions& options) const {
  const std::vector<int> heads = network.heads();
  std::vector<std::vector<float>> unused(heads.size());
  std::vector<HeadTensor> tensors;
  for (std::size_t h = 0; h < heads.size(); ++h) {
    const graph::Layer& layer = network.layers[heads[h]];
    unused[h].resize(maps[h].size());
    tensors.push_back({layer.operation, layer.output, maps[h], unused[h]});
  }
  const HeadKind& kind = head_kind(network, network.name);
  kind.compute_loss(tensors, size_, item.truths, options);
  kind.weigh(std::span(&tensors, 1));
  LossSums loss;
  for (const HeadTensor& tensor : tensors) loss += tensor.loss;
  return loss;
}

// Gives all workers the results of all.
void Validation::exchange(std::vector<Measured>& all, std::span<const LossPart> parts,
                          Workers& workers) {
  std::vector<double> losses(all.size() * parts.size(), 0.);  // 0 for the images of others
  std::string own;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::ranges::copy(all[i].loss.values, losses.begin() + i * parts.size());
    for (const detect::Detection& detection : all[i].found) {
      const Sent sent{static_cast<std::uint32_t>(i), detection};
      own.append(reinterpret_cast<const char*>(&sent), sizeof sent);
    }
  }
  workers.sum(losses);
  const std::vector<std::string> texts = workers.gather(own);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].loss = LossSums(parts);
    std::copy_n(losses.begin() + i * parts.size(), parts.size(), all[i].loss.values.begin());
    all[i].found.clear();
  }
  for (const std::string& text : texts) {
    for (std::size_t at = 0; at + sizeof(Sent) <= text.size(); at += sizeof(Sent)) {
      Sent sent;
      std::memcpy(&sent, text.data() + at, sizeof sent);
      if (sent.image < all.size()) all[sent.image].found.push_back(sent.detection);
    }
  }
}

void Validation::measure(const Range& images, detect::Engine& engine, const graph::Network& network,
                         const LossOptions& loss, std::vector<Measured>& results) {
  const std::size_t first = images.first, n = images.second - images.first;
  const detect::Thresholds thresholds = run::measuring_thresholds();
  std::vector<Item> fresh(n);
  pool_.parallel_for(n, [&](std::size_t i) {
    if (first + i >= items_.size()) {
      fresh[i] = prepare(first + i);
    } else if (items_[first + i].input.empty()) {
      items_[first + i] = prepare(first + i);
    }
  });
  const auto item = [&](std::size_t i) -> const Item& {
    return first + i < items_.size() ? items_[first + i] : fresh[i];
  };
  std::vector<float> inputs;
  for (std::size_t i = 0; i < n; ++i) {
    inputs.insert(inputs.end(), item(i).input.begin(), item(i).input.end());
  }
  const auto maps = engine.run(inputs, static_cast<int>(n));
  pool_.parallel_for(n, [&](std::size_t i) {
    results[first + i] = {
        loss_of(item(i), network, maps[i], loss),
        detect::make_result(network, maps[i], thresholds, item(i).placement).detections};
  });
}

Validation::Result Validation::run(detect::Engine& engine, const graph::Network& network,
                                   const LossOptions& loss, int batch, Progress& progress,
                                   Workers* workers) {
  const auto start = Clock::now();
  const std::size_t count = dataset_.samples.size();
  const auto batches = batches_of(count, static_cast<std::size_t>(batch), workers);
  std::vector<Measured> all(count);
  progress.begin("validating", count, "images");
  read_ahead(batches);
  for (const Range& images : batches) {
    measure(images, engine, network, loss, all);
    progress.advance(images.second - images.first);
  }
  progress.end();
  if (workers != nullptr) {
    exchange(all, head_kind(network, network.name).loss_parts(), *workers);
  }
  Result result;
  std::vector<metrics::Picture> pictures(count);
  for (std::size_t i = 0; i < count; ++i) {
    result.loss += all[i].loss;
    pictures[i] = run::counted(dataset_.samples[i], std::move(all[i].found));
  }
  result.evaluation = run::summarize(network.classes, std::move(pictures));
  result.evaluation.seconds = seconds_since(start);
  return result;
}

}  // namespace oko::train
