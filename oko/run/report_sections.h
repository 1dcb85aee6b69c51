#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/run/loss_parts.h"
#include "oko/run/report.h"

namespace oko::run {

// The facts in a log, collected once for all sections. NaN or empty if missing.
struct LogFacts {
  std::vector<const Json*> steps, epochs;
  std::vector<std::string> warnings, notes;  // notes: choices the run made itself
  std::vector<LossPart> loss_parts;
  std::string verdict, why;  // of the last epoch
  std::string end_reason;
  double started = 0, lasted = 0;      // seconds since 1970; seconds
  double images_per_second = 0;        // mean over the logged steps
  double wait = 0;                     // fraction of time that steps waited for images
  std::optional<double> stage2_epoch;  // the first epoch of the second stage
};
LogFacts gather(const std::vector<Json>& log);

// Each is a whole <section>, or empty if there is nothing to show.
std::string training_section(const LogFacts& facts);
std::string curves_section(const Evaluation& evaluation);
std::string classes_section(const Evaluation& evaluation);
std::string confusion_section(const Evaluation& evaluation);
std::string pictures_section(const Evaluation& evaluation, const dataset::Dataset& dataset,
                             int count);

}  // namespace oko::run
