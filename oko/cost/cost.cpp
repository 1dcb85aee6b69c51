#include "oko/cost/cost.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "oko/base/error.h"
#include "oko/cost/gpus.h"

namespace oko::cost {
namespace {

constexpr double kPreemptionsPerSecond = 1. / (8 * 3600), kMostPreemptionsPerSecond = 1. / 7200;
constexpr double kMostPrice = 1e6, kMostWatts = 1e5;

double number_of(std::string_view text, double most, const std::string& whole) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value > 0 && value <= most)) {
    throw Error(
        ErrorCode::kUsage, "--own",
        fmt::format("\"{}\": \"{}\" is not a number above 0 and up to {:g}", whole, text, most),
        "GPU:PRICE:WATTS, for example \"RTX 4090:1800:350W\"");
  }
  return value;
}

}  // namespace

Range with_preemptions(const Range& seconds, double checkpoint_minutes) {
  const Range lost = kStartSeconds + exactly(checkpoint_minutes * 60 / 2);
  return {seconds.low, seconds.likely * (1 + kPreemptionsPerSecond * lost.likely),
          seconds.high * (1 + kMostPreemptionsPerSecond * lost.high)};
}

Range rented_seconds(const Prediction& prediction, bool spot, double checkpoint_minutes) {
  const Range training =
      spot ? with_preemptions(prediction.seconds, checkpoint_minutes) : prediction.seconds;
  return kStartSeconds + training;
}

double running_cost(const Offer& offer, bool spot, double seconds, int machines) {
  return offer.hourly(spot) * seconds / 3600 * machines;
}

Range running_cost(const Offer& offer, bool spot, const Range& seconds, int machines) {
  return seconds * running_cost(offer, spot, 1, machines);
}

OwnMachine parse_own(const std::string& text) {
  const std::size_t last = text.rfind(':');
  const std::size_t first =
      last == std::string::npos || last == 0 ? last : text.rfind(':', last - 1);
  if (last == std::string::npos || first == std::string::npos || first == last) {
    throw Error(ErrorCode::kUsage, "--own", fmt::format("\"{}\" is not GPU:PRICE:WATTS", text),
                "for example \"RTX 4090:1800:350W\"");
  }
  std::string_view watts = std::string_view(text).substr(last + 1);
  if (watts.ends_with('W') || watts.ends_with('w')) watts.remove_suffix(1);
  OwnMachine own;
  own.gpu = gpu_named(text.substr(0, first), "--own").name;
  own.price =
      number_of(std::string_view(text).substr(first + 1, last - first - 1), kMostPrice, text);
  own.watts = number_of(watts, kMostWatts, text);
  return own;
}

Range power_cost(const OwnMachine& own, const Range& seconds, double power_price) {
  return seconds * (own.watts / 1000 / 3600 * power_price);
}

std::string usd_text(double usd) {
  constexpr double kSmallest = .0001;
  if (usd > 0 && usd < kSmallest) return fmt::format("<${}", kSmallest);
  if (usd > 0 && usd < .00995) return fmt::format("${:.2g}", usd);
  if (usd < 99.995) return fmt::format("${:.2f}", usd);
  return fmt::format("${:.0f}", usd);
}

}  // namespace oko::cost
