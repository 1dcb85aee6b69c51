#include "oko/runtime/live.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <utility>

#include "oko/base/error.h"
#include "oko/detect/decode.h"
#include "oko/graph/cost.h"
#include "oko/runtime/engine.h"

namespace oko::runtime {
namespace {

constexpr const char* kPlace = "oko_live";

void check(const Live::Models& models) {
  if (models.empty()) throw Error(ErrorCode::kUsage, kPlace, "has no model");
  for (std::size_t i = 1; i < models.size(); ++i) {
    const graph::Network& larger = models[i - 1]->network();
    const graph::Network& smaller = models[i]->network();
    if (smaller.class_count() != larger.class_count() || smaller.classes != larger.classes) {
      throw Error(ErrorCode::kUsage, kPlace, "the models have different classes",
                  "open the same model at different input sizes");
    }
    if (smaller.input.count() >= larger.input.count()) {
      throw Error(ErrorCode::kUsage, kPlace,
                  "a model's input is not smaller than that of the one before it",
                  "give the model with the largest input first");
    }
  }
}

}  // namespace

std::vector<double> Live::Set::costs() const {
  std::vector<double> costs;
  for (const auto& model : models) costs.push_back(graph::total_cost(model->network()).flop);
  return costs;
}

Live::Live(Models models, std::vector<float> own_scores, Wanted wanted, Options options)
    : options_(std::move(options)),
      team_(std::make_shared<Team>(options_.threads, options_.priority)),
      wanted_(std::move(wanted)),
      governor_(options_.governor) {
  if (options_.tracker) tracker_.emplace(*options_.tracker);
  use(make_set(std::move(models), std::move(own_scores)));
  detector(*set_, 0);  // the first frame need not wait for its memory
}

std::shared_ptr<Live::Set> Live::make_set(Models models, std::vector<float> own_scores) const {
  check(models);
  auto set = std::make_shared<Set>();
  set->detectors.resize(models.size());
  set->models = std::move(models);
  set->own_scores = std::move(own_scores);
  return set;
}

std::shared_ptr<const Live::Limits> Live::limits_of(const Wanted& wanted, const Set& set) const {
  auto limits = std::make_shared<Limits>();
  limits->wanted = wanted.thresholds;
  std::vector<float>& scores = limits->wanted.class_scores;
  if (wanted.own_scores) scores = set.own_scores;
  const int classes = set.models.front()->network().class_count();
  if (!scores.empty() && scores.size() != static_cast<std::size_t>(classes)) {
    throw Error(ErrorCode::kUsage, kPlace,
                "the thresholds are for " + std::to_string(scores.size()) +
                    " classes, but the model has " + std::to_string(classes),
                "set thresholds without class_scores first, or with one per class");
  }
  detect::check(limits->wanted, classes);
  limits->searched = options_.tracker ? track::searched(limits->wanted, options_.tracker->low_score)
                                      : limits->wanted;
  return limits;
}

detect::Detector& Live::detector(Set& set, int size) const {
  std::unique_ptr<detect::Detector>& detector = set.detectors[static_cast<std::size_t>(size)];
  if (!detector) {
    const std::shared_ptr<const Model>& model = set.models[static_cast<std::size_t>(size)];
    detector = std::make_unique<detect::Detector>(model->network(), make_engine(model, team_),
                                                  model->plan().target);
  }
  return *detector;
}

// From the next frame on. Called with the mutex held, or by the constructor. If the thresholds do
// not fit, they throw, and nothing has changed.
void Live::use(const std::shared_ptr<Set>& set) {
  set->limits = limits_of(wanted_, *set);
  set->swaps = swaps_++;
  governor_.restart(set->costs());
  set_ = set;
}

void Live::log(bool warning, const std::string& text) const {
  if (options_.log && !text.empty()) options_.log(warning, text);
}

Live::Taken Live::submit(const image::Frame& frame, double seconds) {
  image::check(frame);
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return Taken::kSkippedStop;
    if (!std::isfinite(seconds)) {
      throw Error(ErrorCode::kUsage, kPlace, "the time of a frame is not a finite number");
    }
    if (seconds < last_seconds_) {
      throw Error(ErrorCode::kUsage, kPlace, "the time of a frame is before that of the last one",
                  "give frames in order, with the time of a clock that does not go back");
    }
    last_seconds_ = seconds;
    switch (governor_.ask(seconds, now(), busy_)) {
      case Governor::Answer::kRate:
        ++counts_.skipped_rate;
        return Taken::kSkippedRate;
      case Governor::Answer::kHeat:
        ++counts_.skipped_heat;
        return Taken::kSkippedHeat;
      case Governor::Answer::kTake:
        break;
    }
    ++counts_.taken;
    filling_.set = set_;
    filling_.size = governor_.size();
    filling_.swaps = set_->swaps;
  }
  const graph::Network& network =
      filling_.set->models[static_cast<std::size_t>(filling_.size)]->network();
  const image::Size size{network.input.width, network.input.height};
  filling_.submitted = Clock::now();
  filling_.seconds = seconds;
  filling_.input.resize(static_cast<std::size_t>(network.input.count()));
  const image::InputView view{filling_.input.data(), size.width,
                              std::ptrdiff_t{size.width} * size.height};
  filling_.placement = letterboxer_.fill(frame, size, network.preprocess, view);
  filling_.prepare = seconds_since(filling_.submitted);
  bool replaced = false;
  {
    const std::lock_guard lock(mutex_);
    std::swap(filling_, waiting_);
    replaced = std::exchange(has_frame_, true);
    if (replaced) ++counts_.replaced;
  }
  arrived_.notify_one();
  filling_.set.reset();  // that of a frame that was replaced, perhaps the last to need its models
  return replaced ? Taken::kTakenNewer : Taken::kTaken;
}

Live::Found Live::next(double wait) {
  Found found;
  std::shared_ptr<const Limits> limits;
  {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return stopped_ || has_frame_; };
    // Longer than a month is for ever, and would be too much for the clock.
    constexpr double kForEver = 3e6;
    if (wait < 0 || wait > kForEver) {
      arrived_.wait(lock, ready);
    } else if (wait > 0) {
      arrived_.wait_for(lock, std::chrono::duration<double>(wait), ready);
    }
    detections_.clear();
    found_ = false;
    found.stopped = stopped_;
    if (stopped_ || !has_frame_) return found;
    std::swap(waiting_, running_);
    limits = running_.set->limits;
    has_frame_ = false;
    busy_ = true;
  }
  // Whatever is thrown, the next frame is waited for.
  struct Idle {
    Live& live;
    ~Idle() {
      live.running_.set.reset();
      const std::lock_guard lock(live.mutex_);
      live.busy_ = false;
    }
  } idle{*this};
  detect(found, *limits);
  found_ = true;
  return found;
}

void Live::detect(Found& found, const Limits& limits) {
  Set& set = *running_.set;
  found.found = true;
  found.seconds = running_.seconds;
  found.frame = running_.placement.source;
  found.input = running_.placement.input;
  found.model = running_.size;
  found.swaps = running_.swaps;
  found.waited = seconds_since(running_.submitted) - running_.prepare;
  std::vector<detect::Detection> all;
  {
    const std::lock_guard lock(detecting_);
    detect::Detector& used = detector(set, running_.size);
    all = used.detect(running_.input, running_.placement, limits.searched).detections;
    found.timing = used.timing();
  }
  found.timing.prepare = running_.prepare;
  if (tracker_) {
    const auto begin = Clock::now();
    // What another model calls by the same number, and what was elsewhere in another camera's
    // frames, is not the same object.
    const graph::Network& network = set.models.front()->network();
    const bool swapped = last_swaps_ != running_.swaps;
    const bool other_classes =
        swapped && (last_class_count_ != network.class_count() || last_classes_ != network.classes);
    if (other_classes || last_frame_ != found.frame) tracker_->forget();
    if (swapped) {
      last_swaps_ = running_.swaps;
      last_class_count_ = network.class_count();
      last_classes_ = network.classes;
    }
    last_frame_ = found.frame;
    tracker_->update(all, limits.wanted, running_.seconds);
    found.timing.decode += seconds_since(begin);
    std::erase_if(all, [&](const detect::Detection& d) {
      return !(d.score > limits.wanted.score_of(d.class_id));
    });
  }
  detections_ = std::move(all);
  std::string words;
  bool over_budget = false;
  {
    const std::lock_guard lock(mutex_);
    ++counts_.looked_at;
    if (running_.set == set_) {
      const detect::Timing& t = found.timing;
      words = governor_.finished(running_.size, t.prepare + t.network + t.decode, now());
      over_budget = governor_.over_budget();
    }
  }
  log(over_budget, words);
}

std::span<const track::Object> Live::objects() const {
  return tracker_ && found_ ? tracker_->objects() : std::span<const track::Object>();
}

std::span<const track::Event> Live::events() const {
  return tracker_ && found_ ? tracker_->events() : std::span<const track::Event>();
}

void Live::stop() {
  std::shared_ptr<Set> unused;  // freed after the lock
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    has_frame_ = false;
    unused = std::move(waiting_.set);
  }
  arrived_.notify_all();
}

void Live::set_heat(Heat heat) {
  std::string words;
  {
    const std::lock_guard lock(mutex_);
    words = governor_.set_heat(heat, now());
  }
  log(heat == Heat::kCritical, words);
}

void Live::trim() {
  const std::lock_guard detecting(detecting_);
  // Freed after the camera's thread can go on.
  std::shared_ptr<Set> previous;
  std::vector<std::unique_ptr<detect::Detector>> unused;
  const std::lock_guard lock(mutex_);
  previous = std::move(previous_);
  for (std::size_t i = 0; i < set_->detectors.size(); ++i) {
    if (static_cast<int>(i) != governor_.size()) unused.push_back(std::move(set_->detectors[i]));
  }
}

void Live::set_thresholds(Wanted wanted) {
  const std::lock_guard lock(mutex_);
  set_->limits = limits_of(wanted, *set_);
  wanted_ = std::move(wanted);
}

int Live::class_count() const {
  const std::lock_guard lock(mutex_);
  return set_->models.front()->network().class_count();
}

void Live::swap(Models models, std::vector<float> own_scores) {
  const std::shared_ptr<Set> set = make_set(std::move(models), std::move(own_scores));
  {
    const std::lock_guard lock(mutex_);
    limits_of(wanted_, *set);  // throws before anything is tried
  }
  for (std::size_t i = 0; i < set->models.size(); ++i) {
    const std::vector<float> empty(
        static_cast<std::size_t>(set->models[i]->network().input.count()), .5F);
    detect::Detector& made = detector(*set, static_cast<int>(i));
    const std::lock_guard lock(detecting_);  // they have the same threads
    made.run(empty);
    if (i > 0) set->detectors[i].reset();  // its memory is for when it is used
  }
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Set> before = set_;
    use(set);
    previous_ = std::move(before);
  }
  log(false, "the models are swapped: " + set->models.front()->network().name);
}

bool Live::revert() {
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    if (!previous_) return false;
    name = previous_->models.front()->network().name;
    use(previous_);
    previous_.reset();
  }
  log(true, "back to the models before: " + name);
  return true;
}

Live::Status Live::status() const {
  const std::lock_guard lock(mutex_);
  Status status = counts_;
  status.model = governor_.size();
  status.heat = governor_.heat();
  status.frame_seconds = governor_.frame_seconds();
  status.frames_per_second = governor_.frames_per_second(now());
  status.over_budget = governor_.over_budget();
  return status;
}

}  // namespace oko::runtime
