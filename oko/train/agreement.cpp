#include "oko/train/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <type_traits>

#include "oko/base/error.h"
#include "oko/base/json.h"

namespace oko::train {
namespace {

constexpr std::array kOwnChoices{"dataset",  "format",         "classes",
                                 "check",    "device",         "threads",
                                 "cache_mb", "loader_threads", "checkpoint_minutes"};

bool is_own_choice(std::string_view key) {
  return std::ranges::find(kOwnChoices, key) != kOwnChoices.end();
}

// The first difference from worker 0; empty if there is none.
std::string difference(const Json& first, const Json& other, int rank, int size) {
  for (std::size_t i = 0; i < first.size() && i < other.size(); ++i) {
    if (first[i] == other[i]) continue;
    return fmt::format("worker {} of {} has {} {}, worker 0 has {}", rank, size,
                       other[i][0].get<std::string>(), other[i][1].get<std::string>(),
                       first[i][1].get<std::string>());
  }
  return first.size() == other.size()
             ? ""
             : fmt::format("worker {} of {} has other options than worker 0", rank, size);
}

}  // namespace

void check_agreement(const Facts& facts, const std::string& hint, Workers& workers) {
  const std::vector<std::string> all = workers.gather(Json(facts).dump());
  const Json first = parse_json(all[0], "worker 0");
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    const Json other = parse_json(all[rank], "another worker");
    const std::string what = difference(first, other, static_cast<int>(rank), workers.size());
    if (!what.empty()) throw Error(ErrorCode::kUsage, "oko train", what, hint);
  }
}

Facts facts_of(const Recipe& recipe) {
  Facts facts;
  visit_recipe(recipe, [&](const RecipeOption& option, const auto& field) {
    if (is_own_choice(option.key)) return;
    facts.emplace_back(flag_of(option.key), fmt::format("{}", written(field)));
  });
  return facts;
}

Recipe with_own_choices(Recipe recipe, const Recipe& own, const std::set<std::string>* keys) {
  visit_recipe(recipe, [&](const RecipeOption& option, auto& field) {
    if (!is_own_choice(option.key)) return;
    if (keys != nullptr && !keys->contains(option.key)) return;
    visit_recipe(own, [&](const RecipeOption& other, const auto& value) {
      if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::decay_t<decltype(value)>>) {
        if (std::string_view(option.key) == other.key) field = value;
      }
    });
  });
  return recipe;
}

}  // namespace oko::train
