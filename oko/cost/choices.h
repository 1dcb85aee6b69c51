#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/cost/cost.h"
#include "oko/cost/data_cost.h"
#include "oko/cost/predict.h"
#include "oko/cost/prices.h"

namespace oko::cost {

// One way to run: a machine rented, owned, or this one.
struct Choice {
  enum class Kind { kRented, kOwned, kHere };
  Kind kind = Kind::kRented;
  Offer offer;     // of a rented machine
  OwnMachine own;  // of an owned one
  bool spot = false;
  int machines = 1;
  Prediction prediction;
  Range seconds;      // from start to end; rented machines are paid for these
  double hourly = 0;  // USD, of all machines together, with power for owned ones
  Range usd;          // of the run, with the data
  DataCost data;
};

enum class Order { kPrice, kTime };
constexpr auto words_of(Order) { return std::to_array<std::string_view>({"price", "time"}); }

struct ChoiceOptions {
  Wanted wanted;
  bool all = false;  // else only the cheapest of each GPU
  std::vector<OwnMachine> own;
  double power_price = 0;  // USD a kWh
  std::optional<StoredData> data;
  std::vector<Measured> measured;
  Order order = Order::kPrice;
};

// Sorted; those whose memory is too small come last. Offers with more GPUs than the run has workers
// are skipped: they would be paid and idle.
std::vector<Choice> choices_for(const Workload& run, const std::optional<Probe>& probe,
                                const Prices& prices, const ChoiceOptions& options);

// How much an owned machine must train until it is cheaper than renting `rented` for the same runs.
struct BreakEven {
  double runs = 0;
  double hours = 0;  // of the owned machine
};
// Nothing if its power alone costs as much.
std::optional<BreakEven> break_even(const Choice& owned, const Choice& rented);

}  // namespace oko::cost
