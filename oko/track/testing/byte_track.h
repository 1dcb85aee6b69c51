#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "oko/track/assignment.h"
#include "oko/track/testing/scores.h"

namespace oko::track {

// ByteTrack as its paper has it (Zhang et al. 2022, arXiv 2110.06864): a filter of eight states
// whose unit of time is the frame, three rounds of matching, the published settings. Written for
// comparison, without regard to speed.
class ByteTrack {
 public:
  // `high`: of detections for the first round; objects start a tenth above it.
  explicit ByteTrack(double high = .5, int buffer = 30) : high_(high), buffer_(buffer) {}
  std::vector<Claim> update(std::span<const detect::Detection> detections);

 private:
  using Vector = std::array<double, 8>;
  using Matrix = std::array<Vector, 8>;
  struct Track {
    Vector mean{};
    Matrix covariance{};
    std::uint64_t id = 0;
    int class_id = 0;
    bool active = false, tracked = true;
    int last = 0;
  };
  static std::array<double, 4> measure(const image::Box& box);
  static image::Box box_of(const Track& track);
  static void predict(Track& track);
  static void correct(Track& track, const std::array<double, 4>& z);
  std::vector<int> match(const std::vector<Track*>& tracks,
                         const std::vector<detect::Detection>& detections, double limit,
                         bool fuse_scores);

  double high_;
  int buffer_, frame_ = 0;
  std::uint64_t last_id_ = 0;
  std::vector<Track> tracks_;
  Assignment assignment_;
};

}  // namespace oko::track
