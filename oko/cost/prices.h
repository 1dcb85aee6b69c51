#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace oko::cost {

// A machine that one can rent. A row of prices.csv. Prices are in USD an hour.
struct Offer {
  std::string cloud, machine;  // "gcp", "g2-standard-8"
  std::string gpu;             // a name of gpus.csv
  int gpus = 1;
  int vcpus = 0;       // 0: not known
  std::string region;  // "any" where the price is the same everywhere
  double on_demand = 0;
  double spot = 0;            // 0: there is none
  double host = 0;            // what the machine costs besides its GPUs, if billed apart
  double host_spot = 0;       // the same of a spot machine
  bool host_is_known = true;  // else the prices are those of the GPUs alone
  bool offered = true;        // false: can no longer be rented
  std::string source, commit, read;

  bool has_spot() const { return spot > 0; }
  double hourly(bool as_spot) const { return as_spot ? spot + host_spot : on_demand + host; }
  // "g2-standard-8 in us-central1, gcp".
  std::string name() const;
};

struct Prices {
  std::vector<Offer> offers;
  // The days on which the first and the last row were read.
  std::string oldest() const, newest() const;
};

// The table compiled in.
const Prices& known_prices();

// Reads a table in the format of prices.csv. Throws an input Error "name:line" that names the
// column for a price that cannot be right: 0 or negative, spot not below on demand, more than 25
// USD an hour for a GPU (placeholders); for a GPU that gpus.csv does not have or a fraction of one,
// a day that does not exist, a missing source, an offer listed twice.
Prices parse_prices(std::string_view text, const std::string& name);

// `more` on top of `prices`: an offer of the same cloud, machine, GPU and region is replaced.
Prices with_more(Prices prices, Prices more);

// What an offer must match; empty: anything.
struct Wanted {
  std::vector<std::string> gpus;  // names or aliases
  std::string cloud, machine, region;
  bool spot = false;         // only offers that have a spot price
  bool withdrawn = false;    // also what can no longer be rented
  int gpus_per_machine = 0;  // 0: any number
};
// In the table's order. A region also matches offers of "any".
std::vector<Offer> offers_for(const Prices& prices, const Wanted& wanted);

}  // namespace oko::cost
