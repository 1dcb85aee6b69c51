#include "oko/track/tracker.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "oko/base/error.h"

namespace oko::track {
namespace {

// Least overlap of a detection with the place where an object should be. The boxes are widened
// first by a part of their sides (as in C-BIoU, Yang et al. 2023): small and fast ones would miss
// theirs otherwise, at the few frames a second that a phone has.
constexpr double kBuffer = .1, kWideBuffer = .5;
constexpr float kLeastCertain = .2F, kLeastWide = .2F, kLeastUnsure = .4F;
// Of fewer objects it cannot be told whether they or the camera moved.
constexpr std::size_t kFewestForCamera = 3;
constexpr double kPause = 1;  // seconds

constexpr float kNever = std::numeric_limits<float>::infinity();

image::Box widened(const image::Box& box, double part) {
  const auto x = static_cast<float>(part) * box.width(),
             y = static_cast<float>(part) * box.height();
  return {box.left - x, box.top - y, box.right + x, box.bottom + y};
}

// Changes the order of the values.
double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void check(const Options& o) {
  const auto wrong = [](const char* what) { throw Error(ErrorCode::kUsage, "tracker", what); };
  if (o.most_objects < 1 || o.most_objects > 4096) wrong("max_objects is not in 1…4096");
  if (!(o.low_score >= 0 && o.low_score <= 1)) wrong("low_score is not in 0…1");
  if (!(o.lost_seconds >= 0 && o.lost_seconds <= 3600)) wrong("lost_seconds is not in 0…3600");
  if (o.confirm < 1 || o.confirm > 100) wrong("confirm is not in 1…100");
  if (!(o.smoothing > 0 && o.smoothing <= 10)) wrong("smoothing is not above 0 and at most 10");
}

}  // namespace

detect::Thresholds searched(detect::Thresholds thresholds, float low_score) {
  thresholds.score = std::min(thresholds.score, low_score);
  for (float& score : thresholds.class_scores) score = std::min(score, low_score);
  return thresholds;
}

Tracker::Tracker(const Options& options) : options_(options) {
  check(options);
  const auto most = static_cast<std::size_t>(options.most_objects);
  const auto detections = static_cast<std::size_t>(detect::Thresholds{}.max_detections);
  tracks_.reserve(most);
  objects_.reserve(most);
  events_.reserve(most * 4);
  certain_.reserve(detections);
  unsure_.reserve(detections);
  rows_.reserve(most);
  found_.reserve(detections);
  moves_x_.reserve(most);
  moves_y_.reserve(most);
  costs_.reserve(most * detections);
  assignment_.reserve(options.most_objects, detect::Thresholds{}.max_detections);
}

void Tracker::forget() {
  drop([](const Track&) { return true; });
  objects_.clear();
  events_.clear();
}

void Tracker::reset() {
  forget();
  counters_.reset();
  started_ = false;
}

std::span<const Object> Tracker::update(std::span<const detect::Detection> detections,
                                        const detect::Thresholds& thresholds, double seconds) {
  if (!std::isfinite(seconds) || (started_ && seconds < seconds_)) {
    throw Error(ErrorCode::kUsage, "tracker", "the time of a frame is before that of the last one",
                "give frames in order; for another clip, reset the tracker");
  }
  const double passed = started_ ? seconds - seconds_ : 0;
  seconds_ = seconds;
  started_ = true;
  detections_ = detections;
  certain_.clear();
  unsure_.clear();
  for (std::size_t i = 0; i < detections.size(); ++i) {
    const detect::Detection& d = detections[i];
    const image::Box& b = d.box;
    if (!std::isfinite(b.left + b.top + b.right + b.bottom + d.score) || !(b.area() > 0)) continue;
    if (d.score > thresholds.score_of(d.class_id)) {
      certain_.push_back(static_cast<int>(i));
    } else if (d.score > options_.low_score) {
      unsure_.push_back(static_cast<int>(i));
    }
  }
  events_.clear();
  // After a pause nothing is where it was. What was seen in the last frame may be a little longer
  // ago, so that objects can be followed at a frame a second too.
  drop([&](const Track& track) {
    return seconds - track.last > options_.lost_seconds + (track.seen ? kPause : 0);
  });
  for (Track& track : tracks_) {
    if (!track.seen) track.motion.coast(passed);
    track.motion.predict(passed);
    track.matched = false;
  }
  match(Wanted::kConfirmed, certain_, kBuffer, kLeastCertain);
  follow_camera();
  match(Wanted::kConfirmed, certain_, kWideBuffer, kLeastWide);
  match(Wanted::kJustSeen, unsure_, kBuffer, kLeastUnsure);
  match(Wanted::kUnconfirmed, certain_, kWideBuffer, kLeastWide);
  start(seconds);
  finish(seconds);
  return objects_;
}

// Matches tracks that have none yet to `detections`, and removes those that are taken.
void Tracker::match(Wanted wanted, std::vector<int>& detections, double buffer, float least) {
  rows_.clear();
  for (std::size_t i = 0; i < tracks_.size(); ++i) {
    const Track& track = tracks_[i];
    const bool fits = wanted == Wanted::kUnconfirmed ? track.id == 0
                      : wanted == Wanted::kJustSeen  ? track.id != 0 && track.seen
                                                     : track.id != 0;
    if (fits && !track.matched) rows_.push_back(static_cast<int>(i));
  }
  if (rows_.empty() || detections.empty()) return;
  costs_.clear();
  found_.clear();
  for (const int d : detections) {
    found_.push_back(widened(detections_[static_cast<std::size_t>(d)].box, buffer));
  }
  for (const int row : rows_) {
    const Track& track = tracks_[static_cast<std::size_t>(row)];
    const image::Box expected = widened(track.motion.box(), buffer);
    for (std::size_t i = 0; i < detections.size(); ++i) {
      const int class_id = detections_[static_cast<std::size_t>(detections[i])].class_id;
      costs_.push_back(class_id == track.class_id ? 1 - image::iou(expected, found_[i]) : kNever);
    }
  }
  const std::span<const int> columns = assignment_.solve(
      costs_, static_cast<int>(rows_.size()), static_cast<int>(detections.size()), 1 - least);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (columns[i] < 0) continue;
    int& d = detections[static_cast<std::size_t>(columns[i])];
    take(tracks_[static_cast<std::size_t>(rows_[i])], detections_[static_cast<std::size_t>(d)],
         seconds_);
    d = -1;
  }
  std::erase(detections, -1);
}

void Tracker::take(Track& track, const detect::Detection& detection, double seconds) {
  if (track.id != 0) {
    const auto x = (double{detection.box.left} + detection.box.right) / 2 - track.motion.x();
    const auto y = (double{detection.box.top} + detection.box.bottom) / 2 - track.motion.y();
    moves_x_.push_back(x);
    moves_y_.push_back(y);
  }
  track.motion.correct(detection.box, detection.score, options_.smoothing);
  track.score = detection.score;
  track.last = seconds;
  track.matched = true;
  ++track.detections;
}

// Where most of what was found is not where it should be, the camera has jerked, and what was not
// found has to be looked for there too.
void Tracker::follow_camera() {
  const bool enough = moves_x_.size() >= kFewestForCamera;
  const double x = enough ? median(moves_x_) : 0, y = enough ? median(moves_y_) : 0;
  moves_x_.clear();
  moves_y_.clear();
  if (!enough) return;
  for (Track& track : tracks_) {
    if (!track.matched) track.motion.shift(x, y);
  }
}

void Tracker::start(double seconds) {
  for (const int d : certain_) {
    if (tracks_.size() == tracks_.capacity()) return;
    const detect::Detection& detection = detections_[static_cast<std::size_t>(d)];
    Track track{Motion(detection.box)};
    track.class_id = detection.class_id;
    track.score = detection.score;
    track.first = track.last = seconds;
    track.detections = 1;
    track.matched = true;
    tracks_.push_back(track);
  }
}

Event Tracker::event_of(const Track& track, EventKind kind) {
  return {kind, track.id, track.class_id, -1};
}

template <typename Lost>
void Tracker::drop(const Lost& is_lost) {
  std::erase_if(tracks_, [&](const Track& track) {
    if (!is_lost(track)) return false;
    if (track.id != 0) {
      counters_.remove(track.counters, event_of(track, EventKind::kGone), events_);
      events_.push_back(event_of(track, EventKind::kGone));
    }
    return true;
  });
}

void Tracker::finish(double seconds) {
  objects_.clear();
  drop([&](const Track& track) {
    return track.id == 0 ? !track.matched : seconds - track.last > options_.lost_seconds;
  });
  for (Track& track : tracks_) {
    const bool known = track.id != 0;
    if (!known && track.detections >= options_.confirm) track.id = ++last_id_;
    if (track.id != 0 && (!known || track.matched != track.seen)) {
      events_.push_back(event_of(track, !known          ? EventKind::kAppeared
                                        : track.matched ? EventKind::kFound
                                                        : EventKind::kHidden));
    }
    if (track.id != 0 && track.matched) {
      counters_.move(track.counters, {track.motion.x(), track.motion.y()}, track.motion.size(),
                     event_of(track, EventKind::kIn), events_);
    }
    track.seen = track.matched;
  }
  for (const Track& track : tracks_) {
    if (track.id == 0) continue;
    const Motion& m = track.motion;
    objects_.push_back({track.id, track.class_id, track.seen ? State::kSeen : State::kHidden,
                        track.score, m.box(), static_cast<float>(m.velocity_x()),
                        static_cast<float>(m.velocity_y()), seconds - track.first,
                        seconds - track.last});
  }
}

}  // namespace oko::track
