// needs: cost
// Any text is rejected or read into prices that can be right.

#include <cstdlib>
#include <string_view>

#include "oko/base/error.h"
#include "oko/cost/gpus.h"
#include "oko/cost/prices.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::cost;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    for (const Offer& offer : parse_prices(text, "input").offers) {
      if (!(offer.on_demand > 0 && offer.hourly(false) < 500)) std::abort();
      if (offer.has_spot() && !(offer.hourly(true) < offer.hourly(false))) std::abort();
      if (offer.gpus < 1 || find_gpu(offer.gpu) == nullptr) std::abort();
      if (offer.source.empty() || offer.read.size() != 10) std::abort();
    }
  } catch (const oko::Error&) {
  }
  try {
    for (const Gpu& gpu : parse_gpus(text, "input")) {
      if (!(gpu.ssd300 > 0 && gpu.spread >= 1) || gpu.name.empty()) std::abort();
    }
  } catch (const oko::Error&) {
  }
  return 0;
}
