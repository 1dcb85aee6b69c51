#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "oko/run/chart.h"
#include "oko/run/html.h"
#include "oko/run/report_sections.h"
#include "oko/run/run.h"

namespace oko::run {
namespace {

constexpr std::size_t kMostPoints = 300;

// A value of an event, or of its member `part` ("train", "val").
double value_of(const Json& event, const char* part, const char* key) {
  if (part == nullptr) return number_of(event, key);
  const auto it = event.find(part);
  return it != event.end() && it->is_object() ? number_of(*it, key)
                                              : std::numeric_limits<double>::quiet_NaN();
}

// The log counts epochs from 0, people from 1.
double x_of(const Json& event, std::string_view x) {
  return x == "epoch" ? number_of(event, "epoch") + 1 : number_of(event, "step");
}

Series series_of(const std::vector<const Json*>& events, std::string name, std::string_view x,
                 const char* part, const char* key) {
  Series series{std::move(name), {}};
  for (const Json* event : events) {
    series.points.push_back({x_of(*event, x), value_of(*event, part, key)});
  }
  series.points = thinned(series.points, kMostPoints);
  return series;
}

bool has_numbers(const Series& series) {
  return std::any_of(series.points.begin(), series.points.end(),
                     [](const Point& p) { return std::isfinite(p.y); });
}

void add(Chart& chart, Series series) {
  if (has_numbers(series)) chart.series.push_back(std::move(series));
}

// Losses fall by powers of ten; a linear scale would show only the first steps.
bool spans_decades(const Chart& chart) {
  double low = INFINITY, high = 0;
  for (const Series& series : chart.series) {
    for (const Point& p : series.points) {
      if (!(p.y > 0)) continue;
      low = std::min(low, p.y);
      high = std::max(high, p.y);
    }
  }
  return high > 8 * low;
}

double highest(const Chart& chart) {
  double high = 0;
  for (const Series& series : chart.series) {
    for (const Point& p : series.points) {
      if (std::isfinite(p.y)) high = std::max(high, p.y);
    }
  }
  return high;
}

std::string panel(const char* title, Chart chart, const LogFacts& facts, bool by_epoch) {
  if (chart.series.empty()) return "";
  chart.x_label = by_epoch ? "epoch" : "step";
  if (by_epoch && facts.stage2_epoch)
    chart.marks.push_back({*facts.stage2_epoch + 1, "all layers"});
  return fmt::format("<div><h3>{}</h3>{}{}</div>\n", title, chart_legend(chart), chart_svg(chart));
}

std::string loss_panel(const LogFacts& facts) {
  Chart chart;
  if (facts.epochs.size() > 1) {
    add(chart, series_of(facts.epochs, "training", "epoch", "train", "loss"));
    add(chart, series_of(facts.epochs, "validation", "epoch", "val", "loss"));
  } else {
    add(chart, series_of(facts.steps, "training", "step", nullptr, "loss"));
  }
  chart.log_y = spans_decades(chart);
  return panel("Loss", std::move(chart), facts, facts.epochs.size() > 1);
}

std::string parts_panel(const LogFacts& facts) {
  const bool by_epoch = facts.epochs.size() > 1;
  Chart chart;
  const auto add_part = [&](const std::string& label, const std::string& key) {
    add(chart, by_epoch ? series_of(facts.epochs, label, "epoch", "train", key.c_str())
                        : series_of(facts.steps, label, "step", nullptr, key.c_str()));
  };
  for (const LossPart& part : facts.loss_parts) add_part(part.label, part.key);
  add_part("L2", "l2");
  chart.log_y = spans_decades(chart);
  return panel("Parts of the training loss", std::move(chart), facts, by_epoch);
}

std::string map_panel(const LogFacts& facts) {
  Chart chart;
  chart.y_low = 0;
  chart.y_high = 1;
  add(chart, series_of(facts.epochs, "mAP at IoU .50", "epoch", nullptr, "map50"));
  add(chart, series_of(facts.epochs, "mAP at IoU .50 to .95", "epoch", nullptr, "map"));
  if (chart.series.empty()) return "";
  const auto& points = chart.series.front().points;
  const auto best = std::max_element(
      points.begin(), points.end(),
      [](const Point& a, const Point& b) { return !std::isfinite(a.y) || a.y < b.y; });
  chart.dots.push_back(*best);
  return panel("Accuracy on the validation images", std::move(chart), facts, true);
}

std::string rate_panel(const LogFacts& facts) {
  Chart chart;
  add(chart, series_of(facts.steps, "learning rate", "step", nullptr, "rate"));
  chart.y_low = 0;
  return panel("Learning rate", std::move(chart), facts, false);
}

std::string gradient_panel(const LogFacts& facts) {
  Chart chart;
  add(chart,
      series_of(facts.steps, "gradient norm before clipping", "step", nullptr, "gradient_norm"));
  chart.log_y = spans_decades(chart);
  return panel("Gradient norm", std::move(chart), facts, false);
}

std::string wait_panel(const LogFacts& facts) {
  Chart chart;
  add(chart, series_of(facts.steps, "share of time", "step", nullptr, "wait"));
  chart.y_low = 0;
  chart.y_high = std::max(.1, highest(chart));  // at least 10 %: less is no concern
  return panel("Waiting for images", std::move(chart), facts, false);
}

}  // namespace

std::string training_section(const LogFacts& facts) {
  const std::string panels = map_panel(facts) + loss_panel(facts) + parts_panel(facts) +
                             rate_panel(facts) + gradient_panel(facts) + wait_panel(facts);
  if (panels.empty()) return "";
  return R"(<section><h2>Training</h2><div class="grid">)" + panels + "</div></section>\n";
}

}  // namespace oko::run
