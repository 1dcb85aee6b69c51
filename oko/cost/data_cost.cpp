#include "oko/cost/data_cost.h"

#include <fmt/format.h>

#include <algorithm>

#include "oko/base/words.h"
#include "oko/cost/cost.h"

namespace oko::cost {
namespace {

// USD a GB: cloud.google.com/storage/pricing, us-central1, November 2026.
struct ClassPrice {
  double month, retrieval;
};
constexpr ClassPrice kClassPrices[] = {{.020, 0}, {.010, .01}, {.004, .02}};
constexpr double kGoogleToInternet = .12;  // the first TB

const ClassPrice& price_of(const StoredData& data) {
  return kClassPrices[static_cast<std::size_t>(data.storage_class)];
}

std::string gb_text(double gb) {
  return gb < 10 ? fmt::format("{:.2g}", gb) : fmt::format("{:.0f}", gb);
}

}  // namespace

double read_gb(const StoredData& data, int epochs, int machines) {
  const double again = std::max(0., data.gb - data.cache_gb);
  // Of an epoch's images a machine reads its share; over several epochs all of them.
  const double everywhere = epochs > 1 ? machines : 1;
  return data.gb * everywhere + again * (epochs - 1);
}

DataCost data_cost(const StoredData& data, const Offer& offer, int epochs, int machines) {
  const double gb = read_gb(data, epochs, machines);
  DataCost cost;
  if (data.cloud == "gcp") cost.retrieval = gb * price_of(data).retrieval;
  const bool same_cloud = offer.cloud == data.cloud;
  const bool same_region =
      same_cloud && (data.region.empty() || data.region == offer.region || offer.region == "any");
  if (same_region) return cost;
  if (!same_cloud && data.cloud == "gcp") {
    cost.egress = gb * kGoogleToInternet;
  } else {
    cost.unknown_egress = true;
  }
  return cost;
}

std::optional<std::string> class_warning(const StoredData& data, int epochs, int machines) {
  if (data.cloud != "gcp" || data.storage_class == StorageClass::kStandard) return std::nullopt;
  const double gb = read_gb(data, epochs, machines);
  const double reading = gb * price_of(data).retrieval;
  const double saved = data.gb * (kClassPrices[0].month - price_of(data).month);
  if (reading <= saved) return std::nullopt;
  return fmt::format(
      "reading {} GB from {} costs {} a run; keeping the {} GB in standard costs {} more a month",
      gb_text(gb), word_of(data.storage_class), usd_text(reading), gb_text(data.gb),
      usd_text(saved));
}

}  // namespace oko::cost
