#pragma once

#include <string>
#include <vector>

#include "oko/base/json.h"
#include "oko/train/loss.h"

namespace oko::train {

// Results of one epoch; all losses are means per image.
struct EpochSummary {
  int epoch = 0, stage = 1;
  LossSums train, val;
  bool has_val = false;
  double map50 = 0, map = 0;  // of the EMA weights on the validation split
};

// "loss", the total, and each part under its key. From JSON: null, which stands for a value that is
// not finite, is read as NaN; throws an input Error at `place` if one of `parts` is missing.
Json to_json(const LossSums& loss);
LossSums losses_from_json(const Json& json, const std::string& place,
                          std::span<const LossPart> parts);
Json to_json(const EpochSummary& summary);
EpochSummary epoch_summary_from_json(const Json& json, const std::string& place,
                                     std::span<const LossPart> parts);

struct Verdict {
  std::string name;  // "under-fitting", "fitting", "over-fitting", "too early to say"
  std::string why;   // one sentence with the figures
};

// Judges a run by its epochs so far: over-fitting if the validation loss has risen well above its
// minimum while the training loss kept falling; under-fitting while both still fall or the mAP
// still rises; fitting in between.
Verdict judge(const std::vector<EpochSummary>& epochs);

}  // namespace oko::train
