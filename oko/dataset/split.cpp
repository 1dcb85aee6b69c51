#include "oko/dataset/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <span>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/dataset/facts.h"

namespace oko::dataset {
namespace {

constexpr std::array<const char*, 3> kSplits{"train", "val", "test"};

// Images that must stay together, and how many boxes of each class they have. Background counts as
// one more class.
struct Unit {
  std::vector<std::size_t> samples;
  std::map<std::size_t, int> counts;
  int split = -1;
};

class Stratifier {
 public:
  Stratifier(const Dataset& dataset, std::vector<Unit> units, const std::array<double, 3>& shares)
      : dataset_(dataset),
        units_(std::move(units)),
        shares_(shares),
        totals_(dataset.classes.size() + 1) {
    double pictures = 0;
    for (Unit& unit : units_) {
      count(unit);
      pictures += static_cast<double>(unit.samples.size());
      for (const auto& [key, boxes] : unit.counts) totals_[key] += boxes;
    }
    for (std::size_t s = 0; s < shares.size(); ++s) {
      wanted_pictures_[s] = shares[s] * pictures;
      used_[s] = shares[s] > 0;
      for (const int total : totals_) wanted_[s].push_back(shares[s] * total);
    }
    left_ = totals_;
  }

  std::vector<Unit> run() {
    for (;;) {
      const auto rarest = rarest_class();
      if (rarest == left_.size()) break;
      for (Unit& unit : units_) {
        if (unit.split < 0 && unit.counts.contains(rarest)) assign(unit, rarest);
      }
    }
    for (int s = 1; s < static_cast<int>(kSplits.size()); ++s) fill_up(s);
    return std::move(units_);
  }

 private:
  void count(Unit& unit) const {
    for (const std::size_t i : unit.samples) {
      for (const Object& object : dataset_.samples[i].objects) {
        ++unit.counts[object.class_id];
      }
      if (dataset_.samples[i].objects.empty()) ++unit.counts[dataset_.classes.size()];
    }
  }

  // The class with the fewest unassigned boxes, or left_.size() if all are assigned.
  std::size_t rarest_class() const {
    std::size_t rarest = left_.size();
    for (std::size_t i = 0; i < left_.size(); ++i) {
      if (left_[i] > 0 && (rarest == left_.size() || left_[i] < left_[rarest])) rarest = i;
    }
    return rarest;
  }

  void assign(Unit& unit, std::size_t key) {
    std::size_t best = 0;
    for (std::size_t s = 1; s < kSplits.size(); ++s) {
      if (!used_[s]) continue;
      const std::pair there{wanted_[s][key], wanted_pictures_[s]};
      if (there > std::pair{wanted_[best][key], wanted_pictures_[best]}) best = s;
    }
    unit.split = static_cast<int>(best);
    change_wants(unit, -1);
    for (const auto& [of, boxes] : unit.counts) left_[of] -= boxes;
  }

  // Adds a unit's boxes to what its split still needs, or subtracts them.
  void change_wants(const Unit& unit, int sign) {
    const auto s = static_cast<std::size_t>(unit.split);
    wanted_pictures_[s] += sign * static_cast<double>(unit.samples.size());
    for (const auto& [of, boxes] : unit.counts) wanted_[s][of] += sign * boxes;
  }

  // Classes with few boxes all go to train, the split that needs most: moves the best-fitting
  // images from train to a split that is short of images.
  void fill_up(int split) {
    while (used_[split] && wanted_pictures_[split] > .5) {
      Unit* best = nullptr;
      for (Unit& unit : units_) {
        const bool fits = unit.split == 0 &&
                          static_cast<double>(unit.samples.size()) < wanted_pictures_[split] + 1;
        if (fits && (!best || harm(unit, split) < harm(*best, split))) best = &unit;
      }
      if (!best) return;
      change_wants(*best, 1);
      best->split = split;
      change_wants(*best, -1);
    }
  }

  // How much worse each class's distribution would be after moving a unit from train; large if it
  // takes a class's last boxes.
  double harm(const Unit& unit, int split) const {
    double sum = 0;
    for (const auto& [of, boxes] : unit.counts) {
      const double lacks = wanted_[split][of];
      sum += (std::abs(lacks - boxes) - std::abs(lacks)) / totals_[of];
      const double in_train = shares_[0] * totals_[of] - wanted_[0][of];
      if (in_train <= boxes) sum += 1;
    }
    return sum;
  }

  const Dataset& dataset_;
  std::vector<Unit> units_;
  std::array<double, 3> shares_;
  std::vector<int> totals_, left_;             // boxes of each class; those not yet assigned
  std::array<std::vector<double>, 3> wanted_;  // boxes that each split still needs
  std::array<double, 3> wanted_pictures_{};
  std::array<bool, 3> used_{};
};

std::vector<Unit> make_units(const Dataset& dataset, const SplitOptions& options,
                             Progress& progress) {
  const auto facts = picture_facts(dataset, options.threads, progress);
  std::vector<bool> grouped(dataset.samples.size());
  std::vector<Unit> units;
  for (std::vector<std::size_t>& group : same_pictures(facts, true)) {
    for (const std::size_t i : group) grouped[i] = true;
    units.push_back({std::move(group), {}, -1});
  }
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    if (!grouped[i]) units.push_back({{i}, {}, -1});
  }
  return units;
}

}  // namespace

Dataset split(const Dataset& dataset, const SplitOptions& options, Progress& progress) {
  const double train = 1 - options.val - options.test;
  if (!(options.val >= 0 && options.test >= 0 && options.val + options.test > 0 && train > 0)) {
    throw Error(ErrorCode::kUsage, "split",
                fmt::format("val {:g} and test {:g} leave {:g} for training", options.val,
                            options.test, train),
                "use fractions from 0 to 1, for example --val 0.1 --test 0.1");
  }
  std::vector<Unit> units = make_units(dataset, options, progress);
  Random random(options.seed);
  random.shuffle(std::span(units));
  Dataset result = dataset;
  result.same_splits.clear();
  for (const Unit& unit :
       Stratifier(dataset, std::move(units), {train, options.val, options.test}).run()) {
    for (const std::size_t i : unit.samples) {
      result.samples[i].split = kSplits[unit.split];
    }
  }
  return result;
}

}  // namespace oko::dataset
