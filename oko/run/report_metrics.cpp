#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "oko/run/chart.h"
#include "oko/run/html.h"
#include "oko/run/recommend.h"
#include "oko/run/report_sections.h"

namespace oko::run {
namespace {

double ap50(const metrics::ClassResult& result) {
  return metrics::average_precision(result, metrics::Interpolation::kArea);
}

// Classes with ground truth, the worst first: improving them helps most.
std::vector<std::size_t> worst_first(const Evaluation& evaluation) {
  std::vector<std::size_t> order;
  std::vector<double> ap(evaluation.iou50.size());
  for (std::size_t i = 0; i < evaluation.iou50.size(); ++i) {
    if (evaluation.iou50[i].truths == 0) continue;
    ap[i] = ap50(evaluation.iou50[i]);
    order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return ap[a] < ap[b]; });
  return order;
}

// The same with most objects first: their curves are the most reliable.
std::vector<std::size_t> largest_first(const Evaluation& evaluation) {
  std::vector<std::size_t> order = worst_first(evaluation);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return evaluation.iou50[a].truths > evaluation.iou50[b].truths;
  });
  return order;
}

// The measured curve with a limited number of points: not every step of a long one is visible.
std::vector<Point> measured(const metrics::ClassResult& result) {
  constexpr std::size_t kMost = 200;
  const std::size_t count = result.curve.size();
  const std::size_t stride = count / kMost + 1;
  std::vector<Point> points;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % stride == 0 || i + 1 == count) {
      points.push_back({result.curve[i].recall, result.curve[i].precision});
    }
  }
  if (!points.empty() && points.front().x > 0) points.insert(points.begin(), {0, points.front().y});
  return points;
}

Chart curve_chart(const metrics::ClassResult& result, const std::string& name, float threshold,
                  bool small) {
  Chart chart;
  chart.series = {{name, measured(result)}};
  chart.area = name;
  chart.x_label = "recall";
  chart.x_low = chart.y_low = 0;
  chart.x_high = chart.y_high = 1;
  if (small) chart.width = 210, chart.height = 170;
  const metrics::CurvePoint point = at_threshold(result, threshold);
  if (point.recall > 0) chart.dots.push_back({point.recall, point.precision});
  return chart;
}

std::string curve_panel(const Evaluation& evaluation, std::size_t i, bool small) {
  const metrics::ClassResult& result = evaluation.iou50[i];
  const Chart chart = curve_chart(result, evaluation.classes[i], evaluation.best_f1.score, small);
  return fmt::format(R"(<div><h3>{} <span class="soft">AP {:.3f}</span></h3>{}</div>)",
                     escaped(evaluation.classes[i]), ap50(result), chart_svg(chart));
}

// White text on the darker half of the heat colours.
std::string heat_cell(int count, double part) {
  if (count == 0) return R"(<td class="none" style="--part: 0">·</td>)";
  return fmt::format(R"(<td{} style="--part: {:.2f}">{}</td>)",
                     part > .55 ? R"( class="full")" : "", .08 + .92 * part, count);
}

// The scale of each row's heat colours: the number of objects of its class. False positives have no
// such number; they use the largest class.
std::vector<int> row_sums(const metrics::Confusion& confusion) {
  std::vector<int> sums(static_cast<std::size_t>(confusion.classes) + 1);
  for (int truth = 0; truth < confusion.classes; ++truth) {
    int& sum = sums[truth];
    for (int found = 0; found <= confusion.classes; ++found) sum += confusion.at(truth, found);
    sums.back() = std::max(sums.back(), sum);
  }
  return sums;
}

std::string confusion_table(const Evaluation& evaluation) {
  const metrics::Confusion& confusion = evaluation.confusion;
  const auto name = [&](int i, const char* last) {
    return i == confusion.classes ? last : escaped(evaluation.classes[i]);
  };
  const std::vector<int> sums = row_sums(confusion);
  std::string html = R"(<div class="scroll"><table class="heat"><tr><th></th>)";
  for (int found = 0; found <= confusion.classes; ++found) {
    html += fmt::format("<th{}>{}</th>", confusion.classes > 4 ? R"( class="up")" : "",
                        name(found, "not found"));
  }
  html += "</tr>";
  for (int truth = 0; truth <= confusion.classes; ++truth) {
    const int sum = std::max(1, sums[truth]);
    html += "<tr><th>" + name(truth, "nothing there") + "</th>";
    for (int found = 0; found <= confusion.classes; ++found) {
      const int count = confusion.at(truth, found);
      html += heat_cell(count, std::min(1., static_cast<double>(count) / sum));
    }
    html += "</tr>";
  }
  return html + "</table></div>";
}

struct Mistake {
  int truth = 0, found = 0, count = 0;
};

std::vector<Mistake> mistakes(const metrics::Confusion& confusion) {
  std::vector<Mistake> result;
  for (int truth = 0; truth <= confusion.classes; ++truth) {
    for (int found = 0; found <= confusion.classes; ++found) {
      const int count = confusion.at(truth, found);
      if (truth != found && count > 0) result.push_back({truth, found, count});
    }
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const Mistake& a, const Mistake& b) { return a.count > b.count; });
  return result;
}

std::string mistakes_list(const Evaluation& evaluation) {
  constexpr std::size_t kShown = 10;
  const int classes = evaluation.confusion.classes;
  const auto name = [&](int i) { return "<b>" + escaped(evaluation.classes[i]) + "</b>"; };
  std::string items;
  std::vector<Mistake> all = mistakes(evaluation.confusion);
  if (all.size() > kShown) all.resize(kShown);
  for (const Mistake& m : all) {
    items += fmt::format("<li>{} × ", m.count) +
             (m.found == classes   ? name(m.truth) + " not found"
              : m.truth == classes ? name(m.found) + " found where there is none"
                                   : name(m.truth) + " mistaken for " + name(m.found)) +
             "</li>";
  }
  return items.empty() ? "<p>No mistakes at this threshold.</p>"
                       : "<h3>Most frequent mistakes</h3><ul>" + items + "</ul>";
}

}  // namespace

std::string curves_section(const Evaluation& evaluation) {
  const std::vector<std::size_t> order = largest_first(evaluation);
  if (order.empty()) return "";
  constexpr std::size_t kOpen = 12;
  const bool small = order.size() > 4;
  std::string shown, hidden;
  for (std::size_t i = 0; i < order.size(); ++i) {
    (i < kOpen ? shown : hidden) += curve_panel(evaluation, order[i], small);
  }
  const char* grid = small ? "small" : "grid";
  std::string html = fmt::format(
      R"(<section><h2>Precision and recall</h2><p class="soft">Vertical: precision, the share of )"
      R"(detections that are correct. Horizontal: recall, the share of objects that are found. The )"
      R"(dot is the best threshold, )"
      R"({:.2f}.{}</p><div class="{}">{}</div>)",
      evaluation.best_f1.score, small ? " Classes with the most objects come first." : "", grid,
      shown);
  if (!hidden.empty()) {
    html += fmt::format(
        R"(<details><summary>{} more classes</summary><div class="{}">{}</div></details>)",
        order.size() - kOpen, grid, hidden);
  }
  return html + "</section>\n";
}

std::string classes_section(const Evaluation& evaluation) {
  const std::vector<std::size_t> order = worst_first(evaluation);
  if (order.empty()) return "";
  const std::vector<float> thresholds = recommended_thresholds(evaluation);
  std::string rows;
  for (const std::size_t i : order) {
    const metrics::ClassResult& result = evaluation.iou50[i];
    const metrics::CurvePoint point = at_threshold(result, evaluation.best_f1.score);
    const double ap = ap50(result);
    rows += fmt::format(
        R"(<tr><td>{}</td><td>{}</td><td>{:.3f}</td><td class="bar"><span class="track">)"
        R"(<span class="fill" style="width:{:.1f}%"></span></span></td><td>{:.2f}</td><td>{:.2f}</td>)"
        R"(<td>{}</td></tr>)",
        escaped(evaluation.classes[i]), result.truths, ap, 100 * ap, point.precision, point.recall,
        thresholds.empty() ? "–" : fmt::format("{:.3f}", thresholds[i]));
  }
  return fmt::format(
             R"(<section><h2>Classes</h2><div class="scroll"><table class="wide"><tr><th>class</th>)"
             R"(<th>objects</th><th>AP</th><th></th><th>precision</th><th>recall</th>)"
             R"(<th>threshold</th></tr>{}</table></div>)"
             R"(<p class="soft note">AP is the area under the curve at IoU .50; the 11-point mean is {:.3f}. )"
             R"(Precision and recall are those at threshold {:.2f}. The last column is the threshold with )"
             R"(the best F1 of each class, or of all together where it has fewer than {} objects here.)"
             R"(</p></section>)",
             rows, evaluation.map50_11, evaluation.best_f1.score, kEnoughObjects) +
         "\n";
}

std::string confusion_section(const Evaluation& evaluation) {
  constexpr int kLargest = 25;  // with more rows the list of mistakes says more
  const int classes = evaluation.confusion.classes;
  if (classes == 0) return "";
  std::string html = fmt::format(
      R"(<section><h2>Confusion matrix</h2><p class="soft">Rows: true classes. Columns: )"
      R"(detections with a score of at least {:.2f}.</p>)",
      evaluation.best_f1.score);
  html += R"(<div class="grid">)";
  if (classes <= kLargest) html += confusion_table(evaluation);
  return html + "<div>" + mistakes_list(evaluation) + "</div></div></section>\n";
}

}  // namespace oko::run
