#include "oko/detect/detector.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include "oko/base/error.h"
#include "oko/detect/tiles.h"
#include "oko/image/tiles.h"

namespace oko::detect {
namespace {

// From pixels of the network's input to the frame's own. Drops boxes that lie entirely in the
// letterbox bars.
void move_to_frame(std::vector<Detection>& detections, const image::Placement& placement) {
  for (Detection& d : detections) {
    d.box = image::clipped(placement.to_source(d.box), placement.region);
  }
  std::erase_if(detections, [](const Detection& d) { return !(d.box.area() > 0); });
}

using Clock = std::chrono::steady_clock;
double seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

Result make_result(const graph::Network& network, std::span<const HeadMap> heads,
                   const Thresholds& thresholds, const image::Placement& placement) {
  Result result;
  decode(network, heads, thresholds, result.detections);
  suppress(result.detections, thresholds, network.diou_exponent);
  // The first box has the best score of all, unless a class's threshold may hide a better one.
  const std::vector<float>& floors = thresholds.class_scores;
  const bool known =
      !result.detections.empty() && std::ranges::all_of(floors, [&](float threshold) {
        return threshold <= result.detections.front().score;
      });
  result.best_score = known ? result.detections.front().score : best_score(network, heads);
  move_to_frame(result.detections, placement);
  return result;
}

Detector::Detector(graph::Network network, std::unique_ptr<Engine> engine, SimdTarget target)
    : network_(std::move(network)), engine_(std::move(engine)), letterboxer_(target) {
  if (network_.input.channels != 3) {
    throw input_error(network_.name, "the network takes " +
                                         std::to_string(network_.input.channels) +
                                         " channels, images have 3");
  }
  if (network_.heads().empty()) {
    throw input_error(network_.name, "the network has no detection head",
                      "use a detector, whose last layers are [yolo] or [region]");
  }
}

Result Detector::detect(const image::Frame& frame, const Thresholds& thresholds) {
  return std::move(detect(std::span(&frame, 1), thresholds).front());
}

std::vector<Result> Detector::detect(std::span<const image::Frame> frames,
                                     const Thresholds& thresholds) {
  if (frames.empty()) return {};
  const auto picture_size = static_cast<std::size_t>(network_.input.count());
  const image::Size size{network_.input.width, network_.input.height};
  const auto begin = Clock::now();
  const std::span<float> input = input_for(frames.size());
  std::vector<image::Placement> placements;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const image::InputView view{input.data() + i * picture_size, size.width,
                                std::ptrdiff_t{size.width} * size.height};
    placements.push_back(letterboxer_.fill(frames[i], size, network_.preprocess, view));
  }
  const auto prepared = Clock::now();
  maps_ = engine_->run(input, static_cast<int>(frames.size()));
  if (maps_.size() != frames.size()) {
    throw Error(ErrorCode::kFailed, "engine",
                "returned results for " + std::to_string(maps_.size()) + " of " +
                    std::to_string(frames.size()) + " images");
  }
  const auto ran = Clock::now();
  std::vector<Result> results;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    results.push_back(make_result(network_, maps_[i], thresholds, placements[i]));
  }
  timing_ = {seconds(begin, prepared), seconds(prepared, ran), seconds(ran, Clock::now())};
  return results;
}

Result Detector::detect_tiled(const image::Frame& frame, const Thresholds& thresholds, int tiles) {
  image::check(frame);
  const image::Region whole = image::region_of(frame);
  if (tiles <= 1) return detect(frame, thresholds);
  std::vector<image::Region> regions = image::tiles_of(whole, tiles);
  regions.push_back(whole);  // last, so that it is what heads() returns
  std::vector<Part> parts;
  Result result;
  Timing sum;
  for (const image::Region& region : regions) {
    image::Frame part = frame;
    part.region = region;
    Result found = detect(part, thresholds);
    result.best_score = std::max(result.best_score, found.best_score);
    parts.push_back({region, std::move(found.detections)});
    sum.prepare += timing_.prepare;
    sum.network += timing_.network;
    sum.decode += timing_.decode;
  }
  const auto begin = Clock::now();
  result.detections = merge(parts, whole, thresholds, network_.diou_exponent);
  sum.decode += seconds(begin, Clock::now());
  timing_ = sum;
  return result;
}

Result Detector::detect(std::span<const float> input, const image::Placement& placement,
                        const Thresholds& thresholds) {
  const auto begin = Clock::now();
  run(input);
  const auto ran = Clock::now();
  Result result = make_result(network_, heads(), thresholds, placement);
  timing_ = {0, seconds(begin, ran), seconds(ran, Clock::now())};
  return result;
}

void Detector::run(std::span<const float> input) {
  const std::span<float> to = input_for(1);
  if (input.size() != to.size()) {
    throw Error(ErrorCode::kUsage, network_.name,
                "the input has " + std::to_string(input.size()) + " values, the network takes " +
                    std::to_string(to.size()));
  }
  std::copy(input.begin(), input.end(), to.begin());
  maps_ = engine_->run(to, 1);
}

std::span<const HeadMap> Detector::heads() const {
  return maps_.empty() ? std::span<const HeadMap>() : maps_.front();
}

std::span<float> Detector::input_for(std::size_t pictures) {
  if (pictures == 1 && !engine_->input().empty()) return engine_->input();
  input_.resize(pictures * static_cast<std::size_t>(network_.input.count()));
  return input_;
}

}  // namespace oko::detect
