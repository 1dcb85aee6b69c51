#include "oko/train/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace oko::train {
namespace {

constexpr double kNearlyAll = .95;     // mAP50 above which a falling loss can bring little more
constexpr std::size_t kMinEpochs = 5;  // epochs before a verdict is possible

// Mean of the last `count` values of a field of the summaries.
template <typename Get>
double recent(const std::vector<EpochSummary>& epochs, std::size_t count, std::size_t skip,
              Get get) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += get(epochs[epochs.size() - 1 - skip - i]);
  return sum / static_cast<double>(count);
}

// JSON cannot represent non-finite numbers; they are written as null.
double number(const Json& json, const char* key, const std::string& place) {
  const bool is_null = json.is_object() && json.contains(key) && json[key].is_null();
  return is_null ? std::numeric_limits<double>::quiet_NaN() : json_get<double>(json, key, place);
}

}  // namespace

Json to_json(const LossSums& loss) {
  Json json{{"loss", loss.total()}};
  for (std::size_t i = 0; i < loss.values.size(); ++i) json[loss.parts[i].key] = loss.values[i];
  return json;
}

LossSums losses_from_json(const Json& json, const std::string& place,
                          std::span<const LossPart> parts) {
  LossSums loss(parts);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    loss.values[i] = number(json, parts[i].key.c_str(), place);
  }
  return loss;
}

Json to_json(const EpochSummary& s) {
  Json json{{"epoch", s.epoch}, {"stage", s.stage}, {"train", to_json(s.train)}};
  if (s.has_val) {
    json["val"] = to_json(s.val);
    json["map50"] = s.map50;
    json["map"] = s.map;
  }
  return json;
}

EpochSummary epoch_summary_from_json(const Json& json, const std::string& place,
                                     std::span<const LossPart> parts) {
  EpochSummary s;
  s.epoch = json_get<int>(json, "epoch", place);
  s.stage = json_get<int>(json, "stage", place);
  s.train = losses_from_json(json_get<Json>(json, "train", place), place, parts);
  s.has_val = json.contains("val");
  if (s.has_val) {
    s.val = losses_from_json(json_get<Json>(json, "val", place), place, parts);
    s.map50 = json_get<double>(json, "map50", place);
    s.map = json_get<double>(json, "map", place);
  }
  return s;
}

Verdict judge(const std::vector<EpochSummary>& all) {
  std::vector<EpochSummary> epochs;  // of the current stage, with validation
  for (const auto& e : all) {
    if (e.has_val && e.stage == all.back().stage) epochs.push_back(e);
  }
  if (epochs.size() < kMinEpochs) {
    return {"too early to say",
            epochs.empty() && !all.empty() && !all.back().has_val
                ? "there is no validation split"
                : fmt::format("{} of {} epochs seen", epochs.size(), kMinEpochs)};
  }
  const auto val = [](const EpochSummary& e) { return e.val.total(); };
  const auto train = [](const EpochSummary& e) { return e.train.total(); };
  const auto map = [](const EpochSummary& e) { return e.map50; };
  const auto lowest = std::min_element(
      epochs.begin(), epochs.end(), [&](const auto& a, const auto& b) { return val(a) < val(b); });
  const auto best = std::max_element(epochs.begin(), epochs.end(),
                                     [&](const auto& a, const auto& b) { return map(a) < map(b); });
  const double val_now = recent(epochs, 3, 0, val), train_now = recent(epochs, 3, 0, train);
  const double map_now = recent(epochs, 3, 0, map);
  const double train_at_lowest = lowest->train.total();

  if (val_now > 1.15 * lowest->val.total() && train_now < .9 * train_at_lowest) {
    return {
        "over-fitting",
        fmt::format("validation loss is {:.2f}, {:.0f} % above its lowest {:.2f} (epoch {}), "
                    "while training loss fell from {:.2f} to {:.2f}: the network memorizes these "
                    "images; more images or stronger augmentation would help; the saved model is "
                    "from epoch {} with mAP50 {:.3f}",
                    val_now, 100 * (val_now / lowest->val.total() - 1), lowest->val.total(),
                    lowest->epoch + 1, train_at_lowest, train_now, best->epoch + 1, best->map50)};
  }
  const std::size_t back = std::min<std::size_t>(epochs.size() - 3, 5);
  const double map_before = recent(epochs, 3, back, map), val_before = recent(epochs, 3, back, val);
  if (map_now > map_before + .02 || (val_now < .95 * val_before && map_now < kNearlyAll)) {
    return {"under-fitting",
            fmt::format("still learning: over {} epochs mAP50 went from {:.3f} to {:.3f} and "
                        "validation loss from {:.2f} to {:.2f}; train longer",
                        back, map_before, map_now, val_before, val_now)};
  }
  if (map_now < .3 && val_now < 1.3 * train_now) {
    return {
        "under-fitting",
        fmt::format(
            "mAP50 stays at {:.3f} and training loss {:.2f} is not below validation loss {:.2f}: a "
            "larger network or input, a higher learning rate or pretrained weights would help",
            map_now, train_now, val_now)};
  }
  return {"fitting",
          fmt::format("mAP50 {:.3f} (best {:.3f} in epoch {}) and validation loss {:.2f} "
                      "are stable while training loss is {:.2f}",
                      map_now, best->map50, best->epoch + 1, val_now, train_now)};
}

}  // namespace oko::train
