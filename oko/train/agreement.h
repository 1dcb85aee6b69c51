#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "oko/train/recipe.h"
#include "oko/train/workers.h"

namespace oko::train {

// What must be the same on all workers: what it is, and its value as text.
using Facts = std::vector<std::pair<std::string, std::string>>;

// Throws a usage Error with this hint on all workers if one has another value than worker 0: it
// names that worker and both values.
void check_agreement(const Facts& facts, const std::string& hint, Workers& workers);

// Everything of a recipe that determines what is computed, by its flag: not where a worker finds
// its dataset, nor how much of its machine it uses.
Facts facts_of(const Recipe& recipe);

// `recipe` with what each worker chooses for itself taken from `own`: those of these options that
// are in `keys`; all if it is null.
Recipe with_own_choices(Recipe recipe, const Recipe& own, const std::set<std::string>* keys);

}  // namespace oko::train
