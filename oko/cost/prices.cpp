#include "oko/cost/prices.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "oko/cost/gpus.h"
#include "oko/cost/table.h"
#include "oko/cost/tables.h"

namespace oko::cost {
namespace {

constexpr auto kColumns = std::to_array<std::string_view>(
    {"cloud", "machine", "gpu", "gpus", "vcpus", "region", "on_demand", "spot", "host", "host_spot",
     "offered", "source", "commit", "read"});

// The dearest GPU in the table costs 10 USD an hour; placeholders like 700 are far above.
constexpr double kMostPerGpu = 25, kMostHost = 50;

using Key = std::tuple<std::string, std::string, std::string, std::string>;
Key key_of(const Offer& offer) { return {offer.cloud, offer.machine, offer.gpu, offer.region}; }

double price(const Row& row, std::string_view column, double most) {
  const double price = row.number(column, -1e9, 1e9);
  if (price <= 0) {
    row.refuse(column, "is not a price", "leave it empty if there is no such offer");
  }
  if (price > most) {
    row.refuse(column, fmt::format("is more than {:g} USD an hour: a placeholder?", most));
  }
  return price;
}

double host_price(const Row& row, std::string_view column, bool& is_known) {
  if (row.text(column) == "included") return 0;
  is_known = is_known && row.text(column) != "unknown";
  return row.text(column) == "unknown" ? 0 : price(row, column, kMostHost);
}

void read_prices(const Row& row, Offer& offer) {
  offer.on_demand = price(row, "on_demand", kMostPerGpu * offer.gpus);
  offer.host = host_price(row, "host", offer.host_is_known);
  if (row.is_empty("spot")) {
    if (!row.is_empty("host_spot")) row.refuse("host_spot", "has no effect without a spot price");
    return;
  }
  offer.spot = price(row, "spot", kMostPerGpu * offer.gpus);
  offer.host_spot = host_price(row, "host_spot", offer.host_is_known);
  if (offer.spot >= offer.on_demand) {
    row.refuse("spot", fmt::format("is not below the price on demand, {:g}", offer.on_demand),
               "leave it empty if there is no spot offer");
  }
  if (offer.host_spot > offer.host) {
    row.refuse("host_spot", fmt::format("is above the host's price on demand, {:g}", offer.host));
  }
}

Offer offer_of(const Row& row) {
  Offer offer;
  offer.cloud = row.text("cloud");
  offer.machine = row.text("machine");
  const Gpu* gpu = find_gpu(row.text("gpu"));
  if (gpu == nullptr) row.refuse("gpu", "is not a GPU whose speed is known", "see gpus.csv");
  offer.gpu = gpu->name;
  offer.gpus = row.whole("gpus", 1, 16);
  if (!row.is_empty("vcpus")) offer.vcpus = row.whole("vcpus", 1, 4096);
  offer.region = row.text("region");
  read_prices(row, offer);
  offer.offered = row.yes("offered");
  offer.source = row.text("source");
  offer.commit = row.commit("commit");
  offer.read = row.day("read");
  return offer;
}

bool matches(const Offer& offer, const Wanted& wanted) {
  const auto is_wanted = [](const std::string& value, const std::string& wish) {
    return wish.empty() || value == wish;
  };
  const bool gpu_fits =
      wanted.gpus.empty() || std::ranges::any_of(wanted.gpus, [&](const std::string& name) {
        const Gpu* gpu = find_gpu(name);
        return gpu != nullptr && gpu->name == offer.gpu;
      });
  return gpu_fits && is_wanted(offer.cloud, wanted.cloud) &&
         is_wanted(offer.machine, wanted.machine) &&
         (offer.region == "any" || is_wanted(offer.region, wanted.region)) &&
         (!wanted.spot || offer.has_spot()) && (wanted.withdrawn || offer.offered) &&
         (wanted.gpus_per_machine == 0 || wanted.gpus_per_machine == offer.gpus);
}

}  // namespace

std::string Offer::name() const {
  return region == "any" ? fmt::format("{}, {}", machine, cloud)
                         : fmt::format("{} in {}, {}", machine, region, cloud);
}

std::string Prices::oldest() const {
  return offers.empty() ? "" : std::ranges::min_element(offers, {}, &Offer::read)->read;
}

std::string Prices::newest() const {
  return offers.empty() ? "" : std::ranges::max_element(offers, {}, &Offer::read)->read;
}

const Prices& known_prices() {
  static const Prices prices = parse_prices(kPriceTable, "prices.csv");
  return prices;
}

Prices parse_prices(std::string_view text, const std::string& name) {
  Prices prices;
  std::map<Key, std::string> places;
  for (const Row& row : read_table(text, name, kColumns)) {
    Offer offer = offer_of(row);
    const auto [first, is_new] = places.emplace(key_of(offer), row.place());
    if (!is_new) row.refuse("machine", "is listed twice: see " + first->second);
    prices.offers.push_back(std::move(offer));
  }
  return prices;
}

Prices with_more(Prices prices, Prices more) {
  std::map<Key, std::size_t> known;
  for (std::size_t i = 0; i < prices.offers.size(); ++i) {
    known.emplace(key_of(prices.offers[i]), i);
  }
  for (Offer& offer : more.offers) {
    const auto found = known.find(key_of(offer));
    if (found == known.end()) {
      prices.offers.push_back(std::move(offer));
    } else {
      prices.offers[found->second] = std::move(offer);
    }
  }
  return prices;
}

std::vector<Offer> offers_for(const Prices& prices, const Wanted& wanted) {
  std::vector<Offer> found;
  std::ranges::copy_if(prices.offers, std::back_inserter(found),
                       [&](const Offer& offer) { return matches(offer, wanted); });
  return found;
}

}  // namespace oko::cost
