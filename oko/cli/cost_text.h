#pragma once

#include <string>
#include <vector>

#include "oko/base/json.h"
#include "oko/cli/cost_plan.h"
#include "oko/cost/choices.h"

namespace oko::cli {

// What `oko cost` prints, in 80 columns.
struct CostText {
  const CostPlan& plan;
  const cost::ChoiceOptions& options;
  const cost::Prices& prices;
  const std::vector<cost::Choice>& choices;

  std::vector<std::string> heading() const;  // what would run, and what was measured
  std::string table() const;
  // Letters of the table explained, then what the figures rest on.
  std::vector<std::string> notes() const;
  Json json() const;

 private:
  void add_money(std::vector<std::string>& lines) const;
  void add_basis(std::vector<std::string>& lines) const;
};

// "1.9 h (1.1–3.9)": minutes, hours or days.
std::string time_text(const cost::Range& seconds);
std::string rough_time(double seconds);  // "1.9 h"
// "1.62 (0.94–3.31)".
std::string usd_range_text(const cost::Range& usd);

}  // namespace oko::cli
