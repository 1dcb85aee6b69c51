#pragma once

#include <string>

#include "oko/base/progress.h"
#include "oko/cost/prices.h"
#include "oko/jobs/spec.h"
#include "oko/train/recipe.h"

namespace oko::cli {

// The cheapest offer of the cloud that a back end rents from (Backend::cloud()) for the job's GPUs;
// in another region if the table has none for the one that was asked for. Null if it has none at
// all, or `cloud` is empty.
const cost::Offer* offer_for_job(const jobs::Resources& resources, std::string_view cloud);

// "2.1 h (1.2–4.0), $1.62 (0.94–3.31)": what training takes on those machines, as `oko cost`
// predicts it from a short probe on this machine. Throws as training does.
std::string job_estimate(train::Recipe recipe, const jobs::Resources& resources,
                         const cost::Offer& offer, Progress& progress);

}  // namespace oko::cli
