#pragma once

#include <string>

#include "oko/cost/predict.h"
#include "oko/cost/prices.h"
#include "oko/cost/range.h"

namespace oko::cost {

// What a run costs on a machine. docs/cost.md lists the assumptions; nobody measured them, so each
// has a spread.

// A rented machine is paid from its start: it boots, fetches the program and the first images.
// Assumed for every cloud.
inline constexpr Range kStartSeconds{120, 300, 900};

// A spot machine is taken away and the run goes on from its checkpoint on another one. Assumed:
// never, every 8 hours, every 2 hours; each time a start, and half the time between checkpoints.
Range with_preemptions(const Range& seconds, double checkpoint_minutes);

// Seconds for which `offer` is paid.
Range rented_seconds(const Prediction& prediction, bool spot, double checkpoint_minutes);

// USD for `machines` of them over this time. Clouds bill by the second or the minute; oko does not
// round.
double running_cost(const Offer& offer, bool spot, double seconds, int machines = 1);
Range running_cost(const Offer& offer, bool spot, const Range& seconds, int machines = 1);

// Hardware of one's own: --own "RTX 4090:1800:350W".
struct OwnMachine {
  std::string gpu;   // a name of gpus.csv
  double price = 0;  // USD
  double watts = 0;  // of the machine while it trains
};
// Throws a usage Error that shows the form.
OwnMachine parse_own(const std::string& text);
// USD of its power. `power_price` is in USD for a kWh.
Range power_cost(const OwnMachine& own, const Range& seconds, double power_price);

// "$0.53", "$12.40", "$1830"; of less than a cent two digits: "$0.0042"; "<$0.0001".
std::string usd_text(double usd);

}  // namespace oko::cost
