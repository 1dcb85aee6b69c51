#include "oko/cli/profile_text.h"

#include <fmt/format.h>

#include "oko/cli/table.h"

namespace oko::cli {
namespace {

using runtime::Profile;
using runtime::StepProfile;

std::string shapes_text(const std::vector<graph::Shape>& shapes) {
  std::string text;
  for (const graph::Shape& shape : shapes) {
    text += (text.empty() ? "" : " and ") + graph::to_string(shape);
  }
  return text;
}

std::string milliseconds(double seconds) { return fmt::format("{:.3f}", seconds * 1e3); }

std::string of_peak(const Profile& profile, double rate) {
  return profile.peak > 0 ? fmt::format("{:.0f} %", 100 * rate / profile.peak) : "";
}

bool is_int8(const Profile& profile) { return profile.precision == graph::Precision::kInt8; }
// Products of bytes are not floating-point operations.
const char* unit_of(const Profile& profile) { return is_int8(profile) ? "GOP" : "GFLOP"; }

std::vector<int> sides_of(const graph::Shape& shape) {
  return {shape.channels, shape.height, shape.width};
}

}  // namespace

std::string table_text(const Profile& profile) {
  Table table({"layer", "step", "input", "output", "fastest ms", "median ms", "share",
               std::string(unit_of(profile)) + "/s", "of peak"});
  for (const StepProfile& step : profile.steps) {
    const bool counted = step.flop > 0;
    table.add({step.layers, step.work, graph::to_string(step.in), shapes_text(step.out),
               milliseconds(step.fastest), milliseconds(step.median),
               fmt::format("{:.1f} %", 100 * step.share),
               counted ? fmt::format("{:.1f}", step.rate() / 1e9) : "",
               counted ? of_peak(profile, step.rate()) : ""});
  }
  return table.text();
}

std::string summary_text(const Profile& profile) {
  const char* unit = unit_of(profile);
  const double rate = profile.flop / profile.fastest;
  std::string text = fmt::format(
      "{} on {}, {} thread{}: fastest {:.2f} ms, median {:.2f} ms of {} rounds; sum of fastest "
      "steps {:.2f} ms\n",
      word_of(profile.precision), name_of(profile.target), profile.threads,
      profile.threads == 1 ? "" : "s", profile.fastest * 1e3, profile.median * 1e3, profile.rounds,
      profile.steps_fastest * 1e3);
  text +=
      fmt::format("{:.2f} {} per image, {:.1f} {}/s", profile.flop / 1e9, unit, rate / 1e9, unit);
  if (profile.peak > 0) {
    text += fmt::format(", {} of the register-only peak of {:.1f} with as many threads",
                        of_peak(profile, rate), profile.peak / 1e9);
  }
  text += fmt::format(
      "\n{}/s count direct convolution: Winograd needs fewer multiplications and may exceed the "
      "peak",
      unit);
  text += fmt::format("\nmemory {}: packed weights {}, tensors {}, scratch {}, input and heads {}",
                      bytes_text(static_cast<double>(profile.all_bytes())),
                      bytes_text(static_cast<double>(profile.weight_bytes)),
                      bytes_text(static_cast<double>(profile.map_bytes)),
                      bytes_text(static_cast<double>(profile.scratch_bytes)),
                      bytes_text(static_cast<double>(profile.border_bytes)));
  return text;
}

Json profile_json(const Profile& profile) {
  const auto or_null = [](bool known, double value) { return known ? Json(value) : Json(nullptr); };
  Json steps = Json::array();
  for (const StepProfile& step : profile.steps) {
    Json outputs = Json::array();
    for (const graph::Shape& shape : step.out) outputs.push_back(sides_of(shape));
    const bool counted = step.flop > 0;
    steps.push_back(
        {{"layers", step.layers},
         {"step", step.work},
         {"input", sides_of(step.in)},
         {"outputs", outputs},
         {"fastest_seconds", step.fastest},
         {"median_seconds", step.median},
         {"share", step.share},
         {"flop", step.flop},
         {"flop_per_second", or_null(counted, step.rate())},
         {"share_of_peak", or_null(counted && profile.peak > 0, step.rate() / profile.peak)}});
  }
  return {{"target", name_of(profile.target)},
          {"precision", word_of(profile.precision)},
          {"threads", profile.threads},
          {"rounds", profile.rounds},
          {"fastest_seconds", profile.fastest},
          {"median_seconds", profile.median},
          {"steps_fastest_seconds", profile.steps_fastest},
          {"flop", profile.flop},
          {"peak_flop_per_second", or_null(profile.peak > 0, profile.peak)},
          {"memory",
           {{"packed_weight_bytes", profile.weight_bytes},
            {"map_bytes", profile.map_bytes},
            {"scratch_bytes", profile.scratch_bytes},
            {"input_and_head_bytes", profile.border_bytes}}},
          {"steps", steps}};
}

}  // namespace oko::cli
