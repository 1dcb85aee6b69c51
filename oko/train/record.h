#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "oko/train/recipe.h"

namespace oko::train {

// What a run was trained on, as run.toml keeps it: enough to tell later whether the data is still
// the same, and if not, what differs.
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

// run.toml: the recipe as it was worked out, and the facts of its table [made].
struct RunRecord {
  Recipe recipe;
  DataRecord data;
  std::string oko, libtorch;
  std::vector<std::string> changes;  // a line for each resume that changed something
  std::optional<Asked> asked = {};   // nothing: not recorded (run of an older oko)
};

std::string to_toml(const RunRecord& record);
// Throws input Errors as recipe_from_toml() does. Facts that an older oko did not write are empty.
RunRecord run_record_from_toml(const std::string& text, const std::string& name);

// An option that has another value from now on.
struct RecipeChange {
  std::string key, before, after;
  std::string flag;  // as it is typed
};

// Gives the run the values that `wanted` has for the options named in `given`. A value that the run
// has already, or that it began with and was worked out then, is no change, and neither is "auto".
// A usage Error names every option that cannot change, with both values. `folder` is the run's, for
// hints.
std::vector<RecipeChange> change_recipe(RunRecord& run, const Recipe& wanted,
                                        const std::set<std::string>& given,
                                        const std::string& folder);

// Throws an input Error at `place` that lists what is different: classes renamed, added, removed or
// in another order. No record: no difference.
void check_same_classes(const std::vector<std::string>& recorded,
                        const std::vector<std::string>& now, const std::string& place,
                        const std::string& folder);

// What differs, "train: 20 images with 24 boxes when the run began, 19 with 23 now", a line a
// split; empty where nothing does.
std::vector<std::string> data_differences(const DataRecord& recorded, const DataRecord& now);

}  // namespace oko::train
