#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace oko::runtime {

enum class Heat { kNominal, kFair, kSerious, kCritical };

// Decides which frames of a camera are looked at, and at which of several input sizes, so that
// detection keeps to its budget and a hot phone gets rest. Times are seconds; `now` is of a clock
// that does not go back, and only its differences matter. Not synchronized.
class Governor {
 public:
  struct Options {
    double budget = 0;             // seconds that a frame may take; 0: any time
    double frames_per_second = 0;  // at most; 0: any number
    std::vector<double> costs{1};  // of each size, in any unit, the largest first
  };
  enum class Answer { kTake, kRate, kHeat };

  explicit Governor(Options options);

  // Whether the frame that was taken at `frame`, a finite number, is to be looked at; `busy`:
  // another one is.
  Answer ask(double frame, double now, bool busy);
  // Number of the size for the next frame.
  int size() const { return size_; }
  // A frame was looked at, at the size of that number, in `seconds`. Returns what was decided, in
  // words, or nothing.
  std::string finished(int size, double seconds, double now);
  std::string set_heat(Heat heat, double now);
  // Other models, of which nothing is known yet.
  void restart(std::vector<double> costs);

  Heat heat() const { return heat_; }
  double frame_seconds() const;  // smoothed; of the present size, 0 if none was looked at
  double frames_per_second(double now) const;  // looked at, over the last three seconds
  bool over_budget() const { return over_budget_; }

 private:
  int hottest_allowed() const;  // the largest size that the heat allows
  std::string go_to(int size, std::string why);

  Options options_;
  std::vector<double> smoothed_;  // seconds of a frame at each size; 0: unknown
  int size_ = 0;
  Heat heat_ = Heat::kNominal;
  int before_heat_ = -1;  // the size that is returned to when the phone is cooler; -1: none
  bool over_budget_ = false;
  int too_slow_ = 0;        // frames in a row
  double fits_since_ = -1;  // when the next larger size began to fit into the budget
  double patience_;         // seconds that it has to, before it is tried
  double raised_at_ = -1;   // when a larger size was tried
  double rest_until_ = -1e300;
  bool has_frame_ = false;
  double due_ = 0, last_frame_ = 0, spacing_ = 0;
  std::array<double, 64> finished_{};  // when the last frames were, in a ring
  std::uint64_t frames_ = 0;
};

}  // namespace oko::runtime
