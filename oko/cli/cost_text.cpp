#include "oko/cli/cost_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "oko/base/words.h"
#include "oko/cli/table.h"

namespace oko::cli {
namespace {

using cost::Choice;
using cost::Range;

// With as many digits as a rough figure deserves: 0.42, 3.4, 42.
std::string short_number(double value) {
  if (value < .095) return fmt::format("{:.2f}", value);
  return value < 9.95 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
}

std::string rate_text(double value) {
  return value < 9.95 ? fmt::format("{:.2g}", value) : fmt::format("{:.0f}", value);
}

// Without the sign, which is in the heading.
std::string usd(double value) {
  constexpr double kCent = .005, kTen = 9.995, kHundred = 99.95;
  if (value > kCent && value < kTen) return fmt::format("{:.2f}", value);
  if (value > kTen && value < kHundred) return fmt::format("{:.1f}", value);  // a narrow column
  const std::string text = cost::usd_text(value);
  return text.substr(text.find('$') + 1);
}

void add_wrapped(std::vector<std::string>& lines, const std::string& text) {
  for (std::string& line : wrapped(text)) lines.push_back(std::move(line));
}

struct Note {
  char letter;
  bool (*applies)(const Choice& choice, const CostPlan& plan);
  const char* text;
};

bool is_rented(const Choice& choice) { return choice.kind == Choice::Kind::kRented; }

constexpr Note kNotes[] = {
    {'a', [](const Choice& c, const CostPlan&) { return c.prediction.waits_for_images; },
     "waits for images: its CPUs load them more slowly than it trains"},
    {'b',
     [](const Choice& c, const CostPlan& plan) {
       return plan.probe && c.kind != Choice::Kind::kHere && c.offer.vcpus == 0;
     },
     "its CPUs are not known: 4 to 16 for each GPU are assumed"},
    {'c', [](const Choice& c, const CostPlan&) { return is_rented(c) && !c.offer.host_is_known; },
     "without the machine around the GPU, which is charged separately"},
    {'d', [](const Choice& c, const CostPlan&) { return is_rented(c) && !c.offer.offered; },
     "can no longer be rented"},
    {'e', [](const Choice& c, const CostPlan&) { return c.data.unknown_egress; },
     "without what reading the data from another region or cloud costs"},
    {'f', [](const Choice& c, const CostPlan&) { return c.data.egress > 0; },
     "with what the data costs that leaves its cloud"},
    {'g', [](const Choice& c, const CostPlan&) { return !c.prediction.fits; },
     "its memory is too small for a batch"},
};

std::string letters_of(const Choice& choice, const CostPlan& plan) {
  std::string letters;
  for (const Note& note : kNotes) {
    if (note.applies(choice, plan)) letters += note.letter;
  }
  return letters;
}

std::string gpu_of(const Choice& choice) {
  switch (choice.kind) {
    case Choice::Kind::kRented:
      return choice.offer.gpus * choice.machines > 1
                 ? fmt::format("{} x {}", choice.offer.gpus * choice.machines, choice.offer.gpu)
                 : choice.offer.gpu;
    case Choice::Kind::kOwned:
      return choice.own.gpu;
    case Choice::Kind::kHere:
      break;
  }
  return "-";
}

std::string machine_of(const Choice& choice) {
  switch (choice.kind) {
    case Choice::Kind::kRented:
      return fmt::format("{} {}", choice.offer.cloud, choice.offer.machine);
    case Choice::Kind::kOwned:
      return fmt::format("own, {:g} W", choice.own.watts);
    case Choice::Kind::kHere:
      break;
  }
  return "this machine";
}

// The cheapest that can be rented and fits.
const Choice* cheapest(const std::vector<Choice>& choices) {
  const Choice* best = nullptr;
  for (const Choice& choice : choices) {
    if (!is_rented(choice) || !choice.offer.offered || !choice.prediction.fits) continue;
    if (best == nullptr || choice.usd.likely < best->usd.likely) best = &choice;
  }
  return best;
}

Json range_json(const Range& range) {
  return {{"low", range.low}, {"likely", range.likely}, {"high", range.high}};
}

Json offer_json(const cost::Offer& offer) {
  return {{"cloud", offer.cloud},     {"machine", offer.machine},
          {"region", offer.region},   {"gpu", offer.gpu},
          {"gpus", offer.gpus},       {"vcpus", offer.vcpus},
          {"offered", offer.offered}, {"with_host", offer.host_is_known},
          {"source", offer.source},   {"commit", offer.commit},
          {"read", offer.read}};
}

Json choice_json(const Choice& choice) {
  constexpr const char* kKinds[] = {"rented", "owned", "here"};
  Json json{{"kind", kKinds[static_cast<int>(choice.kind)]}};
  if (is_rented(choice)) json["offer"] = offer_json(choice.offer);
  if (choice.kind == Choice::Kind::kOwned) {
    json["own"] = {
        {"gpu", choice.own.gpu}, {"price", choice.own.price}, {"watts", choice.own.watts}};
  }
  json["spot"] = choice.spot;
  json["machines"] = choice.machines;
  json["fits"] = choice.prediction.fits;
  json["waits_for_images"] = choice.prediction.waits_for_images;
  json["usd_per_hour"] = choice.hourly;
  json["seconds"] = range_json(choice.seconds);
  json["usd"] = range_json(choice.usd);
  json["retrieval_usd"] = choice.data.retrieval;
  json["egress_usd"] = choice.data.egress;
  return json;
}

std::string probe_line(const cost::Probe& probe) {
  return fmt::format("here: {} images/s ({}; {} updates timed), a core loads {} images/s",
                     rate_text(1 / probe.train.likely), probe.device, probe.updates,
                     rate_text(1 / probe.load));
}

}  // namespace

// "45 min", "7.4 h", "2.2 d", as in the table.
std::string rough_time(double seconds) {
  const std::string text = time_text(cost::exactly(seconds));
  return text.substr(0, text.find(" ("));
}

std::string time_text(const Range& seconds) {
  const bool minutes = seconds.likely < 5400, days = seconds.likely >= 48 * 3600;
  const double unit = minutes ? 60 : days ? 86400 : 3600;
  return fmt::format("{} {} ({}–{})", short_number(seconds.likely / unit),
                     minutes ? "min"
                     : days  ? "d"
                             : "h",
                     short_number(seconds.low / unit), short_number(seconds.high / unit));
}

std::string usd_range_text(const Range& range) {
  return fmt::format("{} ({}–{})", usd(range.likely), usd(range.low), usd(range.high));
}

std::vector<std::string> CostText::heading() const {
  const cost::Workload& w = plan.workload;
  std::vector<std::string> lines = {
      fmt::format("{} {}x{}, batch {}{}: {} of {}, {} to validate on", plan.recipe.network,
                  plan.network.input.width, plan.network.input.height, plan.recipe.batch,
                  w.workers > 1 ? fmt::format(", {} workers", w.workers) : "",
                  counted(w.epochs, "epoch"), counted(w.images, "image"), grouped(w.val_images))};
  if (plan.probe) {
    lines.push_back(probe_line(*plan.probe));
    if (plan.probe->load_average > 1.5 * plan.probe->cores) {
      lines.push_back(
          fmt::format("this machine is busy (load {:.1f} on {}): idle, it would be faster",
                      plan.probe->load_average, counted(plan.probe->cores, "core")));
    }
  }
  for (const cost::Measured& measured : options.measured) {
    lines.push_back(fmt::format("measured: {} images/s on one {}",
                                rate_text(1 / measured.seconds_per_image), measured.gpu));
  }
  return lines;
}

std::string CostText::table() const {
  Table table(
      {"GPU", "machine", options.wanted.spot ? "$/h spot" : "$/h", "time", "cost in $", ""});
  for (const Choice& choice : choices) {
    const bool here = choice.kind == Choice::Kind::kHere;
    const bool fits = choice.prediction.fits;
    const bool free = here && choice.usd.likely == 0;
    table.add({gpu_of(choice), machine_of(choice), here ? "-" : usd(choice.hourly),
               fits ? time_text(choice.seconds) : "-",
               fits && !free ? usd_range_text(choice.usd) : "-", letters_of(choice, plan)});
  }
  return table.text();
}

std::vector<std::string> CostText::notes() const {
  std::vector<std::string> lines;
  for (const Note& note : kNotes) {
    const bool used = std::ranges::any_of(
        choices, [&](const Choice& choice) { return note.applies(choice, plan); });
    if (used) lines.push_back(fmt::format("{}  {}", note.letter, note.text));
  }
  lines.emplace_back();
  if (std::ranges::any_of(choices, [](const Choice& c) { return !c.prediction.fits; })) {
    add_wrapped(lines,
                fmt::format("A batch of {} needs {:.1f} GB in 16 bits, {:.1f} GB in 32: halve "
                            "--batch and double --accumulate.",
                            plan.workload.batch, plan.workload.half_gb, plan.workload.full_gb));
  }
  add_money(lines);
  add_basis(lines);
  return lines;
}

// What follows for the purse.
void CostText::add_money(std::vector<std::string>& lines) const {
  const Choice* best = cheapest(choices);
  if (best == nullptr) return;
  add_wrapped(lines,
              fmt::format("Cheapest to rent: {}, about {} and {}.", best->offer.name(),
                          rough_time(best->seconds.likely), cost::usd_text(best->usd.likely)));
  const auto here = std::ranges::find(choices, Choice::Kind::kHere, &Choice::kind);
  if (here != choices.end() && here->prediction.fits) {
    add_wrapped(lines, fmt::format("This machine: about {}, and nothing to rent.",
                                   rough_time(here->seconds.likely)));
  }
  for (const Choice& choice : choices) {
    if (choice.kind != Choice::Kind::kOwned) continue;
    const auto even = cost::break_even(choice, *best);
    add_wrapped(lines, even ? fmt::format("Own {}: repays its ${:g} after {} such runs, {} h of "
                                          "training, compared with that.",
                                          choice.own.gpu, choice.own.price,
                                          grouped(std::llround(even->runs)),
                                          grouped(std::llround(even->hours)))
                            : fmt::format("Own {}: its power alone costs more.", choice.own.gpu));
  }
  if (!options.data) return;
  if (const auto warning =
          cost::class_warning(*options.data, plan.workload.epochs, best->machines)) {
    add_wrapped(lines, "Warning: " + *warning + ".");
  }
}

// What the figures rest on.
void CostText::add_basis(std::vector<std::string>& lines) const {
  add_wrapped(lines,
              fmt::format("Times of rented machines include 2 to 15 minutes to start{}. Prices "
                          "of {}{}: check them before you pay.",
                          options.wanted.spot ? " and interruptions" : "", prices.oldest(),
                          prices.newest() == prices.oldest() ? "" : " to " + prices.newest()));
  if (!options.measured.empty()) return;
  add_wrapped(
      lines,
      "GPU times are estimated from public benchmarks of other networks. A short run on a GPU "
      "replaces the estimate: --measured GPU=RUN, or its images a second.");
}

Json CostText::json() const {
  const cost::Workload& w = plan.workload;
  Json json{{"network", plan.recipe.network},
            {"width", plan.network.input.width},
            {"height", plan.network.input.height},
            {"batch", plan.recipe.batch},
            {"workers", w.workers},
            {"epochs", w.epochs},
            {"images", w.images},
            {"val_images", w.val_images},
            {"gmac", w.operations.gmac},
            {"memory_gb", {{"half", w.half_gb}, {"full", w.full_gb}}},
            {"prices_read", {{"oldest", prices.oldest()}, {"newest", prices.newest()}}}};
  if (plan.probe) {
    const cost::Probe& p = *plan.probe;
    json["probe"] = {{"device", p.device},
                     {"cores", p.cores},
                     {"updates", p.updates},
                     {"load_average", p.load_average},
                     {"train_seconds_per_image", range_json(p.train)},
                     {"validate_seconds_per_image", range_json(p.validate)},
                     {"load_core_seconds_per_image", p.load},
                     {"judge_core_seconds_per_image", p.judge}};
  }
  if (options.data) {
    const auto warning = cost::class_warning(*options.data, w.epochs, 1);
    json["data"] = {{"gb", options.data->gb},
                    {"read_gb", cost::read_gb(*options.data, w.epochs, 1)},
                    {"class", word_of(options.data->storage_class)}};
    if (warning) json["data"]["warning"] = *warning;
  }
  json["choices"] = Json::array();
  for (const Choice& choice : choices) json["choices"].push_back(choice_json(choice));
  return json;
}

}  // namespace oko::cli
