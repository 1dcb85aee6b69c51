#include "oko/cli/job_price.h"

#include "oko/cli/cost_plan.h"
#include "oko/cli/cost_text.h"
#include "oko/cost/choices.h"

namespace oko::cli {
namespace {

// Shorter than that of `oko cost`: whoever submits has decided already.
constexpr double kProbeSeconds = 5;

bool fits(const cost::Offer& offer, const jobs::Resources& resources, std::string_view cloud) {
  return offer.offered && offer.cloud == cloud && offer.gpu == resources.gpu_type &&
         offer.gpus == resources.gpus && (!resources.spot || offer.has_spot()) &&
         (resources.machine.empty() || offer.machine == resources.machine);
}

}  // namespace

const cost::Offer* offer_for_job(const jobs::Resources& resources, std::string_view cloud) {
  const cost::Offer* best = nullptr;
  bool best_is_here = false;
  for (const cost::Offer& offer : cost::known_prices().offers) {
    if (cloud.empty() || !fits(offer, resources, cloud)) continue;
    const bool is_here = offer.region == "any" || offer.region == resources.region;
    const bool cheaper =
        best == nullptr || offer.hourly(resources.spot) < best->hourly(resources.spot);
    if (best != nullptr && (is_here == best_is_here ? !cheaper : best_is_here)) continue;
    best = &offer;
    best_is_here = is_here;
  }
  return best;
}

std::string job_estimate(train::Recipe recipe, const jobs::Resources& resources,
                         const cost::Offer& offer, Progress& progress) {
  CostPlanOptions options;
  options.workers = resources.workers;
  options.probe_seconds = kProbeSeconds;
  const CostPlan plan = plan_cost(std::move(recipe), options, progress);
  cost::Prices only;
  only.offers = {offer};
  cost::ChoiceOptions wanted;
  wanted.wanted.spot = resources.spot;
  for (const cost::Choice& choice : cost::choices_for(plan.workload, plan.probe, only, wanted)) {
    if (choice.kind != cost::Choice::Kind::kRented) continue;
    return time_text(choice.seconds) + ", $" + usd_range_text(choice.usd) +
           (choice.prediction.fits ? "" : "; the batch does not fit into the GPU's memory");
  }
  return {};
}

}  // namespace oko::cli
