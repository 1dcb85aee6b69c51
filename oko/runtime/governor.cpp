#include "oko/runtime/governor.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <utility>

namespace oko::runtime {
namespace {

constexpr double kLearning = .25;  // weight of the newest frame's time
constexpr int kSlowFrames = 3;     // one slow frame may be due to something else
constexpr double kRoom = .85;  // a larger size is tried if it should take this part of the budget
constexpr double kPatience = 2, kMostPatience = 60;  // seconds
constexpr double kWindow = 3;                        // seconds over which frames are counted

// Seconds of rest after a frame that took `seconds`. At kCritical a frame a second at most, and
// never less rest than when the phone is less hot.
double rest_for(Heat heat, double seconds) {
  switch (heat) {
    case Heat::kNominal:
      return 0;
    case Heat::kFair:
      return seconds;
    case Heat::kSerious:
      return 3 * seconds;
    case Heat::kCritical:
      break;
  }
  return std::max(1 - seconds, 3 * seconds);
}

std::string milliseconds(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f ms", seconds * 1e3);
  return text.data();
}

}  // namespace

Governor::Governor(Options options) : options_(std::move(options)), patience_(kPatience) {
  smoothed_.resize(options_.costs.size());
}

void Governor::restart(std::vector<double> costs) {
  options_.costs = std::move(costs);
  smoothed_.assign(options_.costs.size(), 0);
  size_ = hottest_allowed();
  too_slow_ = 0;
  fits_since_ = raised_at_ = -1;
  patience_ = kPatience;
  over_budget_ = false;
  before_heat_ = heat_ == Heat::kNominal ? -1 : 0;
}

Governor::Answer Governor::ask(double frame, double now, bool busy) {
  if (has_frame_ && frame > last_frame_) {
    const double gap = frame - last_frame_;
    // A pause of the camera is not its rate.
    spacing_ =
        spacing_ == 0 ? gap : spacing_ + kLearning * (std::min(gap, 2 * spacing_) - spacing_);
  }
  last_frame_ = frame;
  const bool limited = options_.frames_per_second > 0;
  const double interval = limited ? 1 / options_.frames_per_second : 0;
  // The frame that is nearest to the time when one is due.
  if (limited && has_frame_ && frame < due_ - std::min(spacing_, interval) / 2) {
    return Answer::kRate;
  }
  if (heat_ != Heat::kNominal && (busy || now < rest_until_)) return Answer::kHeat;
  if (limited) {
    const bool on_time = has_frame_ && frame - due_ < interval;
    due_ = (on_time ? due_ : frame) + interval;
  }
  has_frame_ = true;
  return Answer::kTake;
}

int Governor::hottest_allowed() const {
  const int last = static_cast<int>(options_.costs.size()) - 1;
  if (heat_ == Heat::kCritical) return last;
  return heat_ == Heat::kSerious ? std::min(1, last) : 0;
}

std::string Governor::go_to(int size, std::string why) {
  size_ = size;
  too_slow_ = 0;
  fits_since_ = -1;
  return why;
}

std::string Governor::finished(int size, double seconds, double now) {
  finished_[frames_++ % finished_.size()] = now;
  rest_until_ = now + rest_for(heat_, seconds);
  double& smoothed = smoothed_[static_cast<std::size_t>(size)];
  smoothed = smoothed == 0 ? seconds : smoothed + kLearning * (seconds - smoothed);
  if (size != size_ || options_.budget <= 0) return {};
  const double budget = options_.budget;
  const int last = static_cast<int>(options_.costs.size()) - 1;
  too_slow_ = seconds > budget ? too_slow_ + 1 : 0;
  if (too_slow_ >= kSlowFrames && smoothed > budget) {
    if (size_ < last) {
      before_heat_ = -1;  // the budget alone demands a smaller one
      // What was tried in vain is tried less often.
      if (raised_at_ >= 0 && now - raised_at_ < kMostPatience) {
        patience_ = std::min(2 * patience_, kMostPatience);
      }
      return go_to(size_ + 1, "a frame takes " + milliseconds(smoothed) +
                                  ", more than the budget of " + milliseconds(budget) +
                                  ": a smaller input is used");
    }
    if (!std::exchange(over_budget_, true)) {
      return "a frame takes " + milliseconds(smoothed) +
             " even with the smallest input, more than "
             "the budget of " +
             milliseconds(budget);
    }
    return {};
  }
  if (smoothed <= budget) over_budget_ = false;
  if (size_ <= hottest_allowed()) return {};
  const std::size_t larger = static_cast<std::size_t>(size_) - 1;
  const double expected = smoothed * options_.costs[larger] / options_.costs[larger + 1];
  if (expected > kRoom * budget) {
    fits_since_ = -1;
    return {};
  }
  if (fits_since_ < 0) fits_since_ = now;
  if (now - fits_since_ < patience_) return {};
  raised_at_ = now;
  smoothed_[larger] = 0;
  return go_to(size_ - 1, "a frame takes " + milliseconds(smoothed) + ": a larger input is tried");
}

std::string Governor::set_heat(Heat heat, double now) {
  if (heat == heat_) return {};
  const bool hotter = heat > heat_;
  heat_ = heat;
  const double last = smoothed_[static_cast<std::size_t>(size_)];
  if (hotter) {
    if (last > 0) rest_until_ = now + rest_for(heat, last);  // else nothing was done yet
    const std::string words = heat == Heat::kFair      ? "the phone is warm"
                              : heat == Heat::kSerious ? "the phone is hot"
                                                       : "the phone is too hot";
    if (size_ < hottest_allowed()) {
      if (before_heat_ < 0) before_heat_ = size_;
      return go_to(hottest_allowed(), words + ": fewer frames and a smaller input");
    }
    return words + ": fewer frames";
  }
  rest_until_ = std::min(rest_until_, now + rest_for(heat, last));
  const int larger = std::max(before_heat_, hottest_allowed());
  const bool returns = before_heat_ >= 0 && larger < size_;
  if (heat == Heat::kNominal) before_heat_ = -1;
  if (returns) return go_to(larger, "the phone is cooler: a larger input");
  return "the phone is cooler";
}

double Governor::frame_seconds() const { return smoothed_[static_cast<std::size_t>(size_)]; }

double Governor::frames_per_second(double now) const {
  const std::uint64_t known = std::min<std::uint64_t>(frames_, finished_.size());
  double first = now, last = now;
  int count = 0;
  for (std::uint64_t i = 0; i < known; ++i) {
    const double time = finished_[(frames_ - 1 - i) % finished_.size()];
    if (now - time > kWindow) break;
    if (count++ == 0) last = time;
    first = time;
  }
  return count > 1 && last > first ? (count - 1) / (last - first) : 0;
}

}  // namespace oko::runtime
