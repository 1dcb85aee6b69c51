#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "oko/train/recipe.h"

namespace oko::train {

// What a run was trained on, as recorded in run.toml: enough to check later whether the data is
// still the same, and if not, what differs.
struct DataRecord {
  struct Split {
    std::string hash;  // dataset::fingerprint(); empty: not recorded
    std::int64_t images = -1, boxes = -1;
  };
  std::vector<std::string> classes;  // in order; empty: not recorded (run of an older oko)
  Split train, val;
};

// Options that let oko choose, by key, as they were when the run began: "auto", "0". run.toml holds
// what was chosen, and these in its table [made].
using Asked = std::map<std::string, std::string>;
Asked asked_by(const Recipe& recipe);

// run.toml: the resolved recipe, and the facts of its table [made].
struct RunRecord {
  Recipe recipe;
  DataRecord data;
  std::string oko, libtorch;
  std::vector<std::string> changes;  // one line per resume that changed something
  std::optional<Asked> asked = {};   // nothing: not recorded (run of an older oko)
};

std::string to_toml(const RunRecord& record);
// Throws input Errors as recipe_from_toml() does. Facts that an older oko did not record are empty.
RunRecord run_record_from_toml(const std::string& text, const std::string& name);

// An option with a new value.
struct RecipeChange {
  std::string key, before, after;
  std::string flag;  // as it is typed
};

// Copies from `wanted` to the run the options named in `given`. A value that the run already has,
// or began with before it was chosen, is not a change, and neither is "auto". Throws a usage Error
// that names every option that cannot change, with both values. `folder` is the run's, for hints.
std::vector<RecipeChange> change_recipe(RunRecord& run, const Recipe& wanted,
                                        const std::set<std::string>& given,
                                        const std::string& folder);

// Throws an input Error at `place` that lists the differences: classes renamed, added, removed or
// reordered. Without a record there is no difference.
void check_same_classes(const std::vector<std::string>& recorded,
                        const std::vector<std::string>& now, const std::string& place,
                        const std::string& folder);

// The differences, "train: 20 images with 24 boxes when the run began, 19 with 23 now", one line
// per split; empty if there are none.
std::vector<std::string> data_differences(const DataRecord& recorded, const DataRecord& now);

}  // namespace oko::train
