#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "oko/base/clock.h"
#include "oko/detect/detector.h"
#include "oko/image/letterbox.h"
#include "oko/runtime/governor.h"
#include "oko/runtime/model.h"
#include "oko/runtime/priority.h"
#include "oko/runtime/team.h"
#include "oko/track/tracker.h"

namespace oko::runtime {

// Detection beside a camera. The camera's thread submits frames, each of which is made into an
// input of the network at once, so that the frame need not be kept; another thread detects in the
// newest. submit() and next() have one caller at a time each; the rest may be called by any thread.
class Live {
 public:
  struct Options {
    int threads = 1;
    Priority priority = Priority::kInherit;
    Governor::Options governor{};  // but for its costs
    std::optional<track::Options> tracker{};
    // Is told what is done and why; `warning`: the app should do something. May be empty.
    std::function<void(bool warning, const std::string& text)> log{};
  };
  // The same network at several input sizes, the largest first.
  using Models = std::vector<std::shared_ptr<const Model>>;

  // What the app asks for, of all models that are used.
  struct Wanted {
    detect::Thresholds thresholds{};
    bool own_scores = false;  // of models that have scores of their own: those
  };

  enum class Taken { kTaken, kTakenNewer, kSkippedRate, kSkippedHeat, kSkippedStop };

  struct Found {
    bool stopped = false, found = false;
    double seconds = 0;  // when the frame was taken
    image::Size frame, input;
    int model = 0, swaps = 0;
    double waited = 0;  // seconds from submit() to the start
    detect::Timing timing;
  };

  struct Status {
    std::int64_t taken = 0, replaced = 0, skipped_rate = 0, skipped_heat = 0, looked_at = 0;
    int model = 0;
    Heat heat = Heat::kNominal;
    double frame_seconds = 0, frames_per_second = 0;
    bool over_budget = false;
  };

  // `own_scores`: the models' thresholds, one per class; empty: none. Throws a usage Error for
  // models of different classes or sizes that do not fall, and for thresholds that do not fit them.
  Live(Models models, std::vector<float> own_scores, Wanted wanted, Options options);

  Taken submit(const image::Frame& frame, double seconds);
  // Waits for at most `wait` seconds, below 0 for ever.
  Found next(double wait);
  // Of the last next(). Detections with a tracker: those above their thresholds.
  std::span<const detect::Detection> detections() const { return detections_; }
  std::span<const track::Object> objects() const;
  std::span<const track::Event> events() const;
  track::Tracker* tracker() { return tracker_ ? &*tracker_ : nullptr; }

  void stop();
  void set_heat(Heat heat);
  // Frees what is not in use.
  void trim();
  // From the next frame on that is looked at. Throws a usage Error for thresholds that do not fit
  // the models, and then nothing has changed.
  void set_thresholds(Wanted wanted);
  // Of the models in use.
  int class_count() const;
  // Tries the models on an empty image; throws what they throw, also where the thresholds do not
  // fit them, and then nothing has changed.
  void swap(Models models, std::vector<float> own_scores);
  // False: there are no models to go back to. Throws where the thresholds do not fit them.
  bool revert();
  Status status() const;

 private:
  // Of a frame; `searched` with the scores that the tracker wants.
  struct Limits {
    detect::Thresholds wanted, searched;
  };
  // Models that are in use together.
  struct Set {
    Models models;
    std::vector<float> own_scores;
    std::shared_ptr<const Limits> limits;  // read and replaced with the mutex held
    std::vector<std::unique_ptr<detect::Detector>> detectors;  // made when they are needed
    int swaps = 0;
    std::vector<double> costs() const;
  };
  struct Slot {
    std::vector<float> input;
    image::Placement placement;
    std::shared_ptr<Set> set;
    int size = 0, swaps = 0;
    double seconds = 0, prepare = 0;
    Clock::time_point submitted;
  };

  std::shared_ptr<Set> make_set(Models models, std::vector<float> own_scores) const;
  std::shared_ptr<const Limits> limits_of(const Wanted& wanted, const Set& set) const;
  detect::Detector& detector(Set& set, int size) const;
  void use(const std::shared_ptr<Set>& set);
  void detect(Found& found, const Limits& limits);
  void log(bool warning, const std::string& text) const;
  double now() const { return seconds_since(start_); }

  const Options options_;
  const std::shared_ptr<Team> team_;  // of all detectors: only one runs at a time
  const Clock::time_point start_ = Clock::now();
  std::optional<track::Tracker> tracker_;
  std::vector<detect::Detection> detections_;
  image::Letterboxer letterboxer_;

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable arrived_;
  std::shared_ptr<Set> set_, previous_;
  Wanted wanted_;
  Governor governor_;
  Status counts_;
  bool stopped_ = false, has_frame_ = false, busy_ = false;
  int swaps_ = 0;
  double last_seconds_ = -std::numeric_limits<double>::infinity();
  Slot waiting_;

  Slot filling_;        // submit()'s
  Slot running_;        // next()'s
  bool found_ = false;  // next()'s, as what follows: whether it found a frame
  int last_swaps_ = -1, last_class_count_ = 0;
  std::vector<std::string> last_classes_;
  image::Size last_frame_;
  std::mutex detecting_;  // held while detectors run or are freed
};

}  // namespace oko::runtime
