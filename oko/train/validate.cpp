#include "oko/train/validate.h"

#include <algorithm>

#include "oko/base/clock.h"
#include "oko/media/picture.h"

namespace oko::train {

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

void Validation::read_ahead() const {
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < dataset_.samples.size(); ++i) {
    if (i >= items_.size() || items_[i].input.empty()) missing.push_back(i);
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
  head_kind(network, network.name).compute_loss(tensors, size_, item.truths, options);
  LossSums loss;
  for (const HeadTensor& tensor : tensors) loss += tensor.loss;
  return loss;
}

Validation::Result Validation::run(detect::Engine& engine, const graph::Network& network,
                                   const LossOptions& loss, int batch, Progress& progress) {
  const auto start = Clock::now();
  const detect::Thresholds thresholds = run::measuring_thresholds();
  const std::size_t count = dataset_.samples.size();
  const auto per_batch = static_cast<std::size_t>(batch);
  Result result;
  std::vector<metrics::Picture> pictures(count);
  std::vector<LossSums> losses(count);
  std::vector<float> inputs;
  progress.begin("validating", count, "images");
  read_ahead();
  for (std::size_t first = 0; first < count; first += per_batch) {
    const std::size_t n = std::min(per_batch, count - first);
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
    inputs.clear();
    for (std::size_t i = 0; i < n; ++i) {
      inputs.insert(inputs.end(), item(i).input.begin(), item(i).input.end());
    }
    const auto maps = engine.run(inputs, static_cast<int>(n));
    pool_.parallel_for(n, [&](std::size_t i) {
      losses[first + i] = loss_of(item(i), network, maps[i], loss);
      auto found = detect::make_result(network, maps[i], thresholds, item(i).placement);
      pictures[first + i] = run::counted(dataset_.samples[first + i], std::move(found.detections));
    });
    progress.advance(n);
  }
  progress.end();
  for (const LossSums& part : losses) result.loss += part;
  result.evaluation = run::summarize(network.classes, std::move(pictures));
  result.evaluation.seconds = seconds_since(start);
  return result;
}

}  // namespace oko::train
