#pragma once

#include <memory>
#include <span>
#include <vector>

#include "oko/detect/decode.h"
#include "oko/detect/detection.h"
#include "oko/graph/network.h"
#include "oko/image/letterbox.h"

namespace oko::detect {

// Runs a network: the phone engine, or LibTorch. One caller at a time.
class Engine {
 public:
  virtual ~Engine() = default;
  // `input`: batch × channels × height × width float32, planar. Returns for each image the raw
  // outputs of all heads in network.heads() order, owned by the engine and valid until the next
  // call.
  virtual std::vector<std::vector<HeadMap>> run(std::span<const float> input, int batch) = 0;
  // Where the engine wants the input of a batch of one, which run() then takes without a copy.
  // Empty: it has no such place.
  virtual std::span<float> input() { return {}; }
};

// Seconds that the last call took.
struct Timing {
  double prepare = 0, network = 0, decode = 0;
};

struct Result {
  std::vector<Detection> detections;  // in the frame's own stored pixels, clipped to its region
  float best_score = 0;  // of any box, even below the threshold: shown if nothing is found
};

// Decodes and suppresses the raw outputs for one image, and maps the boxes to the image, which
// `placement` locates in the network's input. Thread-safe.
Result make_result(const graph::Network& network, std::span<const HeadMap> heads,
                   const Thresholds& thresholds, const image::Placement& placement);

// Frame → letterbox → engine → decode → NMS → boxes in the frame's pixels. One caller at a time.
class Detector {
 public:
  // `target`: what the letterbox runs on.
  Detector(graph::Network network, std::unique_ptr<Engine> engine,
           SimdTarget target = best_simd_target());
  const graph::Network& network() const { return network_; }
  Result detect(const image::Frame& frame, const Thresholds& thresholds);
  // In tiles × tiles overlapping parts of the frame, one after another, and in the whole of it, for
  // objects that are small in it (oko/image/tiles.h). Takes about tiles² + 1 times as long as
  // detect(); 1 is detect().
  Result detect_tiled(const image::Frame& frame, const Thresholds& thresholds, int tiles);
  // Several at once, for throughput.
  std::vector<Result> detect(std::span<const image::Frame> frames, const Thresholds& thresholds);
  // Of an input that image::letterbox() has prepared, in the place that it returned.
  Result detect(std::span<const float> input, const image::Placement& placement,
                const Thresholds& thresholds);
  // Runs the network alone on an input that is prepared already: channels × height × width values.
  void run(std::span<const float> input);

  // Raw maps of the last run's first picture (of detect_tiled(): of the whole frame), in
  // network().heads() order, until the next call. Empty before the first.
  std::span<const HeadMap> heads() const;
  const Timing& timing() const { return timing_; }  // of the last detect()

 private:
  std::span<float> input_for(std::size_t pictures);

  graph::Network network_;
  std::unique_ptr<Engine> engine_;
  image::Letterboxer letterboxer_;
  std::vector<float> input_;
  std::vector<std::vector<HeadMap>> maps_;  // of each picture
  Timing timing_;
};

}  // namespace oko::detect
