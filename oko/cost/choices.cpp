#include "oko/cost/choices.h"

#include <algorithm>
#include <set>

namespace oko::cost {
namespace {

// Measured on this GPU, else on the first one.
std::optional<Measured> measured_for(const std::string& gpu, const ChoiceOptions& options) {
  if (options.measured.empty()) return std::nullopt;
  const auto own = std::ranges::find(options.measured, gpu, &Measured::gpu);
  return own != options.measured.end() ? *own : options.measured.front();
}

// `offer`: in which cloud and region the data is read; one without a cloud is elsewhere.
void add_data(Choice& choice, const Offer& offer, const Workload& run,
              const ChoiceOptions& options) {
  if (!options.data) return;
  choice.data = data_cost(*options.data, offer, run.epochs, choice.machines);
  choice.usd = choice.usd + exactly(choice.data.total());
}

Choice rented(const Workload& run, const std::optional<Probe>& probe, const Offer& offer,
              const ChoiceOptions& options) {
  Choice choice;
  choice.offer = offer;
  choice.spot = options.wanted.spot;
  choice.machines = (run.workers + offer.gpus - 1) / offer.gpus;
  choice.prediction = predict(run, gpu_named(offer.gpu, "--on"), offer.gpus, offer.vcpus, probe,
                              measured_for(offer.gpu, options));
  choice.seconds = rented_seconds(choice.prediction, choice.spot, run.checkpoint_minutes);
  choice.hourly = offer.hourly(choice.spot) * choice.machines;
  choice.usd = running_cost(offer, choice.spot, choice.seconds, choice.machines);
  add_data(choice, offer, run, options);
  return choice;
}

Choice owned(const Workload& run, const std::optional<Probe>& probe, const OwnMachine& own,
             const ChoiceOptions& options) {
  Choice choice;
  choice.kind = Choice::Kind::kOwned;
  choice.own = own;
  choice.prediction =
      predict(run, gpu_named(own.gpu, "--own"), 1, 0, probe, measured_for(own.gpu, options));
  choice.seconds = choice.prediction.seconds;
  choice.usd = power_cost(own, choice.seconds, options.power_price);
  add_data(choice, Offer{}, run, options);
  choice.hourly = own.watts / 1000 * options.power_price;
  return choice;
}

Choice here(const Workload& run, const Probe& probe, const ChoiceOptions& options) {
  Choice choice;
  choice.kind = Choice::Kind::kHere;
  choice.prediction = predict_here(run, probe);
  choice.seconds = choice.prediction.seconds;
  add_data(choice, Offer{}, run, options);
  return choice;
}

double rank(const Choice& choice, Order order) {
  return order == Order::kPrice ? choice.usd.likely : choice.seconds.likely;
}

bool comes_first(const Choice& a, const Choice& b, Order order) {
  if (a.prediction.fits != b.prediction.fits) return a.prediction.fits;
  return rank(a, order) < rank(b, order);
}

// The first of each GPU.
void thin(std::vector<Choice>& choices) {
  std::set<std::string> seen;
  std::erase_if(choices, [&](const Choice& choice) {
    return choice.kind == Choice::Kind::kRented && !seen.insert(choice.offer.gpu).second;
  });
}

}  // namespace

std::vector<Choice> choices_for(const Workload& run, const std::optional<Probe>& probe,
                                const Prices& prices, const ChoiceOptions& options) {
  std::vector<Choice> choices;
  for (const Offer& offer : offers_for(prices, options.wanted)) {
    if (offer.gpus <= run.workers) choices.push_back(rented(run, probe, offer, options));
  }
  const auto sort = [&](Order order) {
    std::ranges::stable_sort(
        choices, [order](const Choice& a, const Choice& b) { return comes_first(a, b, order); });
  };
  sort(Order::kPrice);
  if (!options.all) thin(choices);
  for (const OwnMachine& own : options.own) {
    if (run.workers == 1) choices.push_back(owned(run, probe, own, options));
  }
  if (probe && run.workers == 1) choices.push_back(here(run, *probe, options));
  sort(options.order);
  return choices;
}

std::optional<BreakEven> break_even(const Choice& owned, const Choice& rented) {
  const double saved = rented.usd.likely - owned.usd.likely;
  if (saved <= 0) return std::nullopt;
  const double runs = owned.own.price / saved;
  return BreakEven{runs, runs * owned.seconds.likely / 3600};
}

}  // namespace oko::cost
