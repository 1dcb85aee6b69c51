#include "oko/train/record.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <sstream>
#include <type_traits>

#include "oko/base/error.h"
#include "oko/train/from.h"

namespace oko::train {
namespace {

constexpr std::size_t kShown = 8;  // of each kind of difference

std::string shown(const std::string& value) { return '"' + value + '"'; }
template <typename T>
std::string shown(const T& value) {
  if constexpr (Worded<T>) {
    return shown(written(value));
  } else {
    return fmt::format("{}", value);
  }
}

template <typename T>
std::string typed_flag(const char* key, const T& value) {
  if constexpr (std::is_same_v<T, bool>) return flag_of(key, value);
  return flag_of(key);
}

// "--rate 0.5 (the run has 0.001)".
template <typename T>
std::string conflict(const char* key, const T& wanted, const T& recorded) {
  if constexpr (std::is_same_v<T, bool>) {
    return fmt::format("{} (the run has {})", flag_of(key, wanted), flag_of(key, recorded));
  }
  return fmt::format("{} {} (the run has {})", flag_of(key), shown(wanted), shown(recorded));
}

// Values that let oko choose when a run begins; run.toml records the choice.
template <typename T>
bool lets_choose(std::string_view key, const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return (key == "anchors" && value_named<AnchorSource>(value).has_value()) ||
           (key == "from" && value == kFromAuto);
  } else if constexpr (std::is_same_v<T, int>) {
    return ((key == "batch" || key == "width" || key == "height") && value == 0) ||
           (key == "frozen_epochs" && value < 0);
  } else {
    return false;
  }
}

// Whether the value means what the run has, though that is written otherwise.
template <typename T>
bool is_as_it_was(std::string_view key, const T& value, const std::optional<Asked>& asked) {
  if constexpr (std::is_same_v<T, std::string>) {
    if (key == "anchors" && value == word_of(AnchorSource::kAuto)) return true;
    if (key == "format" && value.empty()) return true;
  }
  if (!lets_choose(key, value)) return false;
  if (!asked) return key != "anchors";
  const auto then = asked->find(std::string(key));
  return then != asked->end() && then->second == fmt::format("{}", written(value));
}

DataRecord::Split split_from(const toml::node_view<toml::node>& made, const std::string& name) {
  DataRecord::Split split;
  split.hash = made[name == "train" ? "dataset_hash" : name + "_hash"].value_or(std::string());
  split.images = made[name + "_images"].value_or(std::int64_t{-1});
  split.boxes = made[name + "_boxes"].value_or(std::int64_t{-1});
  return split;
}

std::vector<std::string> texts_from(toml::node_view<toml::node> list) {
  std::vector<std::string> texts;
  if (const toml::array* array = list.as_array()) {
    for (const toml::node& node : *array) {
      if (const auto text = node.value<std::string>()) texts.push_back(*text);
    }
  }
  return texts;
}

std::string toml_of(const toml::table& table) {
  std::ostringstream text;
  text << toml::toml_formatter(table, toml::format_flags::quote_dates_and_times);
  return text.str() + "\n";
}

toml::array array_of(const std::vector<std::string>& texts) {
  toml::array array;
  for (const std::string& text : texts) array.push_back(text);
  return array;
}

toml::table inline_table_of(const Asked& asked) {
  toml::table table;
  for (const auto& [key, value] : asked) table.insert(key, value);
  table.is_inline(true);
  return table;
}

std::optional<Asked> asked_from(toml::node_view<toml::node> node) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return std::nullopt;
  Asked asked;
  for (const auto& [key, value] : *table) {
    asked.emplace(key.str(), value.value_or(std::string()));
  }
  return asked;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string joined(const std::vector<std::string>& texts) {
  const std::size_t count = std::min(texts.size(), kShown);
  std::string text = fmt::format(
      "{}", fmt::join(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(count), ", "));
  if (texts.size() > count) text += fmt::format(" and {} more", texts.size() - count);
  return text;
}

std::string described(const DataRecord::Split& split) {
  return split.images < 0 ? "an unknown number of images"
                          : fmt::format("{} images with {} boxes", split.images, split.boxes);
}

void compare_splits(const char* name, const DataRecord::Split& then, const DataRecord::Split& now,
                    std::vector<std::string>& differences) {
  if (then.hash.empty() || then.hash == now.hash) return;
  const bool same_counts = then.images == now.images && then.boxes == now.boxes;
  differences.push_back(same_counts
                            ? fmt::format("{}: {} as before, but with other files, boxes or names",
                                          name, described(now))
                            : fmt::format("{}: {} when the run began, {} now", name,
                                          described(then), described(now)));
}

}  // namespace

Asked asked_by(const Recipe& recipe) {
  Asked asked;
  visit_recipe(recipe, [&](const RecipeOption& option, const auto& field) {
    if (lets_choose(option.key, field))
      asked.emplace(option.key, fmt::format("{}", written(field)));
  });
  return asked;
}

std::string to_toml(const RunRecord& record) {
  const DataRecord& data = record.data;
  toml::table made;
  made.insert("dataset_hash", data.train.hash);
  made.insert("val_hash", data.val.hash);
  made.insert("classes", array_of(data.classes));
  made.insert("train_images", data.train.images);
  made.insert("train_boxes", data.train.boxes);
  made.insert("val_images", data.val.images);
  made.insert("val_boxes", data.val.boxes);
  made.insert("oko", record.oko);
  made.insert("libtorch", record.libtorch);
  if (record.asked) made.insert("asked", inline_table_of(*record.asked));
  if (!record.changes.empty()) made.insert("changes", array_of(record.changes));
  return to_toml(record.recipe, toml_of(made));
}

RunRecord run_record_from_toml(const std::string& text, const std::string& name) {
  RunRecord record;
  record.recipe = recipe_from_toml(text, name);
  toml::table table = toml::parse(text);  // recipe_from_toml() already parsed it
  const toml::node_view<toml::node> made = table["made"];
  record.data.train = split_from(made, "train");
  record.data.val = split_from(made, "val");
  record.data.classes = texts_from(made["classes"]);
  record.oko = made["oko"].value_or(std::string());
  record.libtorch = made["libtorch"].value_or(std::string());
  record.changes = texts_from(made["changes"]);
  record.asked = asked_from(made["asked"]);
  return record;
}

std::vector<RecipeChange> change_recipe(RunRecord& run, const Recipe& wanted,
                                        const std::set<std::string>& given,
                                        const std::string& folder) {
  std::vector<RecipeChange> changes;
  std::vector<std::string> refused, flags;
  visit_recipe(run.recipe, [&](const RecipeOption& option, auto& field) {
    if (!given.contains(option.key)) return;
    visit_recipe(wanted, [&](const RecipeOption& other, const auto& value) {
      using T = std::decay_t<decltype(value)>;
      if constexpr (std::is_same_v<std::decay_t<decltype(field)>, T>) {
        if (std::string_view(option.key) != other.key || field == value ||
            is_as_it_was(option.key, value, run.asked)) {
          return;
        }
        if (option.on_resume) {
          changes.push_back(
              {option.key, shown(field), shown(value), typed_flag(option.key, value)});
          field = value;
        } else {
          refused.push_back(conflict(option.key, value, field));
          flags.push_back(typed_flag(option.key, value));
        }
      }
    });
  });
  if (!refused.empty()) {
    throw Error(
        ErrorCode::kUsage, "--resume", fmt::format("cannot change {}", fmt::join(refused, ", ")),
        fmt::format("omit {}, or start a new run: oko train --recipe {}/run.toml {} … --out OTHER",
                    flags.size() == 1 ? "it" : "them", folder, fmt::join(flags, " … ")));
  }
  // A new location may have another format; an explicit format is checked when the data is read.
  const bool moved = std::any_of(changes.begin(), changes.end(),
                                 [](const RecipeChange& c) { return c.key == "dataset"; });
  if (moved && !given.contains("format")) run.recipe.format.clear();
  return changes;
}

void check_same_classes(const std::vector<std::string>& recorded,
                        const std::vector<std::string>& now, const std::string& place,
                        const std::string& folder) {
  if (recorded.empty() || recorded == now) return;
  std::vector<std::string> removed, added, renamed, parts;
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    if (has(now, recorded[i])) continue;
    const bool stands_alone =
        i < now.size() && recorded.size() == now.size() && !has(recorded, now[i]);
    if (stands_alone) {
      renamed.push_back(fmt::format("{} \"{}\" is now \"{}\"", i, recorded[i], now[i]));
    } else {
      removed.push_back(shown(recorded[i]));
    }
  }
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (has(recorded, now[i])) continue;
    const bool stands_alone =
        i < recorded.size() && recorded.size() == now.size() && !has(now, recorded[i]);
    if (!stands_alone) added.push_back(shown(now[i]));
  }
  if (!renamed.empty()) parts.push_back("renamed: " + joined(renamed));
  if (!added.empty()) parts.push_back("added: " + joined(added));
  if (!removed.empty()) parts.push_back("removed: " + joined(removed));
  if (parts.empty()) {
    parts.push_back(fmt::format("in another order: {} when the run began, {} now", joined(recorded),
                                joined(now)));
  }
  throw input_error(place,
                    fmt::format("its classes differ from those of the run ({} then, {} now): {}",
                                recorded.size(), now.size(), fmt::join(parts, "; ")),
                    fmt::format("restore the class list, or start a new run, which matches classes "
                                "by name: oko train {} --from {}/model.oko --out OTHER",
                                place, folder));
}

std::vector<std::string> data_differences(const DataRecord& recorded, const DataRecord& now) {
  std::vector<std::string> differences;
  compare_splits("train", recorded.train, now.train, differences);
  compare_splits("val", recorded.val, now.val, differences);
  return differences;
}

}  // namespace oko::train
