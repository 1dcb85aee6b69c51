#include "oko/track/testing/byte_track.h"

#include <algorithm>
#include <cstddef>

namespace oko::track {
namespace {
constexpr double kPosition = 1. / 20, kVelocity = 1. / 160;
double square(double v) { return v * v; }
}  // namespace

// Centre, aspect (width by height), height.
std::array<double, 4> ByteTrack::measure(const image::Box& box) {
  return {(double{box.left} + box.right) / 2, (double{box.top} + box.bottom) / 2,
          double{box.width()} / box.height(), box.height()};
}

image::Box ByteTrack::box_of(const Track& track) {
  const Vector& m = track.mean;
  const double w = m[2] * m[3];
  return {static_cast<float>(m[0] - w / 2), static_cast<float>(m[1] - m[3] / 2),
          static_cast<float>(m[0] + w / 2), static_cast<float>(m[1] + m[3] / 2)};
}

void ByteTrack::predict(Track& track) {
  if (!track.tracked) track.mean[7] = 0;
  const double h = track.mean[3];
  for (int i = 0; i < 4; ++i) track.mean[i] += track.mean[i + 4];
  // F P Fᵀ, F being the identity with ones four above the diagonal.
  Matrix& p = track.covariance;
  for (int row = 0; row < 4; ++row) {
    for (int column = 0; column < 8; ++column) p[row][column] += p[row + 4][column];
  }
  for (int row = 0; row < 8; ++row) {
    for (int column = 0; column < 4; ++column) p[row][column] += p[row][column + 4];
  }
  const Vector noise = {kPosition * h, kPosition * h, 1e-2, kPosition * h,
                        kVelocity * h, kVelocity * h, 1e-5, kVelocity * h};
  for (int i = 0; i < 8; ++i) p[i][i] += square(noise[i]);
}

// One measured value after another, as their noise is independent.
void ByteTrack::correct(Track& track, const std::array<double, 4>& z) {
  Matrix& p = track.covariance;
  const double h = track.mean[3];
  const std::array<double, 4> noise = {kPosition * h, kPosition * h, 1e-1, kPosition * h};
  for (int k = 0; k < 4; ++k) {
    const double total = p[k][k] + square(noise[k]), innovation = z[k] - track.mean[k];
    Vector gain, row = p[k];
    for (int i = 0; i < 8; ++i) gain[i] = p[i][k] / total;
    for (int i = 0; i < 8; ++i) {
      track.mean[i] += gain[i] * innovation;
      for (int j = 0; j < 8; ++j) p[i][j] -= gain[i] * row[j];
    }
  }
}

std::vector<int> ByteTrack::match(const std::vector<Track*>& tracks,
                                  const std::vector<detect::Detection>& detections, double limit,
                                  bool fuse_scores) {
  std::vector<float> costs;
  for (const Track* track : tracks) {
    for (const detect::Detection& d : detections) {
      const float iou = d.class_id == track->class_id ? image::iou(box_of(*track), d.box) : 0;
      costs.push_back(1 - (fuse_scores ? iou * d.score : iou));
    }
  }
  const auto columns =
      assignment_.solve(costs, static_cast<int>(tracks.size()), static_cast<int>(detections.size()),
                        static_cast<float>(limit));
  return {columns.begin(), columns.end()};
}

std::vector<Claim> ByteTrack::update(std::span<const detect::Detection> detections) {
  ++frame_;
  std::vector<detect::Detection> high, low;
  for (const detect::Detection& d : detections) {
    if (d.score > high_) {
      high.push_back(d);
    } else if (d.score > .1F) {
      low.push_back(d);
    }
  }
  const auto use = [&](const std::vector<Track*>& tracks, std::vector<detect::Detection>& from,
                       double limit, bool fuse) {
    const std::vector<int> columns = match(tracks, from, limit, fuse);
    std::vector<Track*> left;
    std::vector<bool> taken(from.size());
    for (std::size_t i = 0; i < tracks.size(); ++i) {
      if (columns[i] < 0) {
        left.push_back(tracks[i]);
        continue;
      }
      const auto c = static_cast<std::size_t>(columns[i]);
      correct(*tracks[i], measure(from[c].box));
      tracks[i]->active = tracks[i]->tracked = true;
      tracks[i]->last = frame_;
      taken[c] = true;
    }
    std::vector<detect::Detection> rest;
    for (std::size_t c = 0; c < from.size(); ++c) {
      if (!taken[c]) rest.push_back(from[c]);
    }
    from = rest;
    return left;
  };
  std::vector<Track*> known, unconfirmed;
  for (Track& track : tracks_) {
    if (track.active) predict(track);
    (track.active ? known : unconfirmed).push_back(&track);
  }
  std::vector<Track*> left = use(known, high, .8, true);
  std::erase_if(left, [](const Track* t) { return !t->tracked; });
  for (Track* track : use(left, low, .5, false)) track->tracked = false;
  for (Track* track : use(unconfirmed, high, .7, true)) track->last = -1;
  std::erase_if(tracks_, [&](const Track& t) {
    return t.last < 0 || (!t.tracked && frame_ - t.last > buffer_);
  });
  for (const detect::Detection& d : high) {
    if (d.score < high_ + .1) continue;
    Track track;
    const auto z = measure(d.box);
    const double h = z[3];
    for (int i = 0; i < 4; ++i) track.mean[i] = z[i];
    const Vector noise = {2 * kPosition * h,  2 * kPosition * h,  1e-2, 2 * kPosition * h,
                          10 * kVelocity * h, 10 * kVelocity * h, 1e-5, 10 * kVelocity * h};
    for (int i = 0; i < 8; ++i) track.covariance[i][i] = square(noise[i]);
    track.id = ++last_id_;
    track.class_id = d.class_id;
    track.active = frame_ == 1;
    track.last = frame_;
    tracks_.push_back(track);
  }
  std::vector<Claim> claims;
  for (const Track& track : tracks_) {
    if (track.active && track.last == frame_)
      claims.push_back({track.id, track.class_id, box_of(track)});
  }
  return claims;
}

}  // namespace oko::track
