#include "oko/track/testing/scores.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>

#include "oko/track/assignment.h"

namespace oko::track {
namespace {

constexpr float kFits = .5F, kNever = 2;

bool is_hard(const Truth& truth) { return truth.share < kLeastVisible; }

bool fit(const Truth& truth, const Claim& claim) {
  return truth.class_id == claim.class_id && image::iou(truth.box, claim.box) >= kFits;
}

}  // namespace

Scores score(const Clip& clip, const std::vector<std::vector<Claim>>& claims) {
  Scores scores;
  Assignment assignment;
  std::map<std::uint64_t, std::uint64_t> last;  // id that an object had
  // Frames in which an object and an id fit, and of each of them.
  std::map<std::pair<std::uint64_t, std::uint64_t>, int> together;
  std::map<std::uint64_t, int> objects, ids;
  for (std::size_t f = 0; f < clip.frames.size(); ++f) {
    const std::vector<Truth>& truth = clip.frames[f].truth;
    const std::vector<Claim>& found = claims[f];
    std::vector<float> costs;
    for (const Truth& t : truth) {
      const auto known = last.find(t.id);
      for (const Claim& c : found) {
        float cost = fit(t, c) ? 1 - image::iou(t.box, c.box) : kNever;
        // What fitted before goes on to.
        if (cost < kNever && known != last.end() && known->second == c.id) cost -= 100;
        costs.push_back(cost);
      }
    }
    const auto columns =
        assignment.solve(costs, static_cast<int>(truth.size()), static_cast<int>(found.size()), 1);
    std::set<int> taken;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const Truth& t = truth[i];
      if (!is_hard(t)) {
        ++scores.boxes;
        ++objects[t.id];
      }
      if (columns[i] < 0) {
        scores.missed += is_hard(t) ? 0 : 1;
        continue;
      }
      taken.insert(columns[i]);
      const std::uint64_t id = found[static_cast<std::size_t>(columns[i])].id;
      const auto known = last.find(t.id);
      if (known != last.end() && known->second != id) ++scores.switches;
      last[t.id] = id;
    }
    for (std::size_t c = 0; c < found.size(); ++c) {
      bool hard = false, clear = false;
      for (const Truth& t : truth) {
        if (!fit(t, found[c])) continue;
        (is_hard(t) ? hard : clear) = true;
        if (!is_hard(t)) ++together[{t.id, found[c].id}];
      }
      if (!taken.contains(static_cast<int>(c)) && !hard) scores.wrong += 1;
      if (clear || !hard) ++ids[found[c].id];
    }
  }
  std::vector<std::uint64_t> rows, columns;
  for (const auto& [id, count] : objects) rows.push_back(id);
  for (const auto& [id, count] : ids) columns.push_back(id);
  std::vector<float> costs;
  for (const std::uint64_t row : rows) {
    for (const std::uint64_t column : columns) {
      const auto count = together.find({row, column});
      costs.push_back(count == together.end() ? 0.F : -static_cast<float>(count->second));
    }
  }
  const auto chosen =
      assignment.solve(costs, static_cast<int>(rows.size()), static_cast<int>(columns.size()), 0);
  double right = 0, claimed = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (chosen[i] >= 0) right -= costs[i * columns.size() + static_cast<std::size_t>(chosen[i])];
  }
  for (const auto& [id, count] : ids) claimed += count;
  scores.idf1 = scores.boxes + claimed > 0 ? 2 * right / (scores.boxes + claimed) : 1;
  scores.mota =
      scores.boxes > 0
          ? 1 - static_cast<double>(scores.missed + scores.wrong + scores.switches) / scores.boxes
          : 1;
  return scores;
}

}  // namespace oko::track
