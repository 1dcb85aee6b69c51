#include "oko/cli/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/cli/data.h"
#include "oko/dataset/read.h"
#include "oko/image/letterbox.h"
#include "oko/media/picture.h"
#include "oko/media/video.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

std::vector<std::string> pictures_at(const std::string& uri) {
  const auto entry = storage::stat(uri);
  if (!entry) throw input_error(uri, "no such file");
  if (!entry->is_folder) return {uri};
  return images_of_folder(uri,
                          [](const std::string& name) { return media::is_picture_name(name); });
}

std::vector<float> input_of(const graph::Network& network, const image::Picture& picture,
                            const image::Preprocess& preprocess) {
  std::vector<float> input(static_cast<std::size_t>(network.input.count()));
  image::letterbox(picture.frame(), {network.input.width, network.input.height}, preprocess, input);
  return input;
}

}  // namespace

std::vector<float> picture_input(const graph::Network& network, const std::string& uri) {
  return input_of(network, media::decode(storage::map(uri), uri), network.preprocess);
}

std::vector<std::string> images_of_folder(const std::string& folder,
                                          bool (*wanted)(const std::string& name)) {
  std::vector<storage::Skipped> skipped;
  std::vector<std::string> names;
  for (const storage::Entry& entry : storage::list(folder, false, &skipped)) {
    if (!entry.is_folder && wanted(entry.uri)) names.push_back(entry.uri);
  }
  for (const storage::Skipped& one : skipped) {
    if (wanted(one.uri)) names.push_back(one.uri);
  }
  if (names.empty()) throw input_error(folder, "this folder contains no images");
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::vector<float>> inputs_from(const graph::Network& network, const std::string& uri,
                                            std::size_t limit, FailedImages& failed) {
  if (network.input.channels != 3) {
    throw Error(ErrorCode::kUsage, uri,
                fmt::format("the network takes {} channels, images have 3", network.input.channels),
                "omit the images: random values are used instead");
  }
  std::vector<std::vector<float>> inputs;
  for (const std::string& picture : pictures_at(uri)) {
    if (inputs.size() == limit) break;
    auto input = failed.read(picture, [&] { return picture_input(network, picture); });
    if (input) inputs.push_back(std::move(*input));
  }
  if (inputs.empty()) failed.throw_first();
  return inputs;
}

std::vector<std::vector<float>> normalized(std::vector<std::vector<float>> inputs,
                                           const image::Preprocess& preprocess) {
  if (!preprocess.normalizes()) return inputs;
  for (std::vector<float>& input : inputs) {
    const std::size_t plane = input.size() / 3;
    for (std::size_t i = 0; i < input.size(); ++i) {
      input[i] = preprocess.normalized(input[i], static_cast<int>(i / plane));
    }
  }
  return inputs;
}

std::vector<std::vector<float>> synthetic_inputs(const graph::Network& network, std::size_t count) {
  Random random(1);
  const graph::Shape& shape = network.input;
  std::vector<std::vector<float>> inputs;
  for (std::size_t n = 0; n < count; ++n) {
    std::vector<float>& input = inputs.emplace_back();
    for (int c = 0; c < shape.channels; ++c) {
      const double across = random.uniform(2, 20), down = random.uniform(2, 20);
      const double shift = random.uniform(0, 6);
      for (int y = 0; y < shape.height; ++y) {
        for (int x = 0; x < shape.width; ++x) {
          input.push_back(static_cast<float>(.5 + .25 * std::sin(shift + across * x / shape.width) +
                                             .25 * std::sin(shift * y + down * y / shape.height)));
        }
      }
    }
  }
  return inputs;
}

dataset::Dataset split_of(const dataset::Dataset& data, const std::string& named,
                          const std::vector<std::string>& wanted) {
  if (!named.empty() && named != "all") return dataset::subset(data, named);
  if (named.empty()) {
    for (const std::string& split : wanted) {
      if (dataset::has_split(data, split)) return dataset::subset(data, split);
    }
  }
  return data;
}

dataset::Dataset readable_data(const std::string& uri, FailedImages& failed, const Context& context,
                               dataset::BoxPixels exif) {
  dataset::ReadOptions options;
  options.exif = exif;
  std::vector<dataset::Finding> findings;
  dataset::Dataset data = dataset::read(uri, options, &findings);
  std::erase_if(findings, [&](const dataset::Finding& finding) {
    if (finding.kind != dataset::kUnreadableImage) return false;
    failed.add(storage::join(uri, finding.place), input_error(finding.place, finding.message));
    return true;
  });
  dataset::throw_first_error(findings, uri);
  report_dropped(findings, uri, context);
  return data;
}

dataset::Dataset calibration_data(const std::string& uri, FailedImages& failed,
                                  const Context& context, dataset::BoxPixels exif) {
  const auto entry = storage::stat(uri);
  if (!entry || !entry->is_folder) return readable_data(uri, failed, context, exif);
  dataset::Dataset data;
  data.uri = uri;
  for (const storage::Entry& file : storage::list(uri, true)) {
    if (!media::is_picture_name(file.uri)) return readable_data(uri, failed, context, exif);
    dataset::Sample& sample = data.samples.emplace_back();
    sample.id = sample.image = file.uri;
  }
  std::ranges::sort(data.samples, {}, &dataset::Sample::image);
  return data;
}

std::size_t calibrate(graph::Network& network, dataset::Dataset data, std::size_t count,
                      const runtime::QuantizeOptions& options, FailedImages& failed,
                      const Context& context) {
  if (data.samples.empty()) throw input_error(data.uri, "there are no images to calibrate with");
  if (network.input.channels != 3) {
    throw input_error(network.name, fmt::format("the network takes {} channels, images have 3",
                                                network.input.channels));
  }
  Random(1).shuffle(std::span(data.samples));
  std::vector<std::size_t> soon(std::min(data.samples.size(), count));
  std::iota(soon.begin(), soon.end(), std::size_t{0});
  read_ahead(data, soon);
  // Bytes are enough, before the channels' mean and scale: quantize() applies those.
  image::Preprocess plain = network.preprocess;
  plain.mean = image::Preprocess{}.mean;
  plain.scale = image::Preprocess{}.scale;
  std::vector<std::vector<std::uint8_t>> inputs;
  context.progress->begin("reading", soon.size(), "images");
  for (const dataset::Sample& sample : data.samples) {
    if (inputs.size() == count) break;
    const auto input = failed.read(sample.image, [&] {
      return input_of(network, media::decode(picture_bytes(data, sample), sample.image), plain);
    });
    if (!input) continue;
    auto& bytes = inputs.emplace_back(input->size());
    std::transform(input->begin(), input->end(), bytes.begin(),
                   [](float v) { return static_cast<std::uint8_t>(std::lround(v * 255)); });
    context.progress->advance();
  }
  context.progress->end();
  if (inputs.empty()) failed.throw_first();
  const auto passes = static_cast<std::uint64_t>(runtime::passes(options));
  context.progress->begin("calibrating", passes * inputs.size(), "runs");
  runtime::quantize(network, inputs, options, [&] { context.progress->advance(); });
  context.progress->end();
  return inputs.size();
}

}  // namespace oko::cli
