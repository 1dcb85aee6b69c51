#include "oko/run/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "oko/run/html.h"

namespace oko::run {
namespace {

constexpr double kLeft = 46, kRight = 12, kTop = 10, kBottom = 36;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void take(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return !(low <= high); }
};

// Maps values to drawing coordinates.
class Axes {
 public:
  explicit Axes(const Chart& chart) : chart_(chart) {
    for (const Series& series : chart.series) {
      for (const Point& p : series.points) {
        if (!std::isfinite(p.y) || (chart.log_y && p.y <= 0)) continue;
        x_.take(p.x);
        y_.take(y_value(p.y));
      }
    }
    fix(x_, chart.x_low, chart.x_high);
    fix(y_, chart.y_low, chart.y_high);
    if (!chart.y_high) y_.high += .08 * (y_.high - y_.low);  // room for the marks' labels
  }
  double x(double v) const {
    return kLeft + (v - x_.low) / (x_.high - x_.low) * (chart_.width - kLeft - kRight);
  }
  double y(double v) const {
    const double part = (y_value(v) - y_.low) / (y_.high - y_.low);
    return chart_.height - kBottom - part * (chart_.height - kTop - kBottom);
  }
  double bottom() const { return chart_.height - kBottom; }
  bool shows(const Point& p) const {
    return std::isfinite(p.x) && std::isfinite(p.y) && (!chart_.log_y || p.y > 0);
  }
  std::vector<double> x_ticks() const { return nice_ticks(x_.low, x_.high, chart_.width / 70); }
  std::vector<double> y_ticks() const {
    if (!chart_.log_y) return nice_ticks(y_.low, y_.high, chart_.height / 42);
    std::vector<double> ticks;
    const bool wide = y_.high - y_.low > 2;  // decades
    for (double power = std::floor(y_.low); power <= y_.high; ++power) {
      for (const double factor : {1., 2., 5.}) {
        if (wide && factor > 1) continue;
        const double at = power + std::log10(factor);
        if (at >= y_.low && at <= y_.high) ticks.push_back(std::pow(10, power) * factor);
      }
    }
    return ticks;
  }

 private:
  double y_value(double v) const { return chart_.log_y ? std::log10(v) : v; }
  void fix(Range& range, std::optional<double> low, std::optional<double> high) const {
    if (range.empty()) range = {0, 1};
    if (low) range.low = *low;
    if (high) range.high = *high;
    if (range.high - range.low < 1e-12 * std::max(1.0, std::abs(range.low))) {
      range.high = range.low + 1;  // a single point still needs a scale
    }
  }

  const Chart& chart_;
  Range x_, y_;
};

std::string tick_text(double v) {
  if (v == 0) return "0";  // also for −0
  return std::abs(v) >= 1e6 || std::abs(v) < 1e-4 ? fmt::format("{:.0e}", v)
                                                  : fmt::format("{:.6g}", v);
}

std::string rules(const Chart& chart, const Axes& axes) {
  std::string svg;
  for (const double v : axes.y_ticks()) {
    svg += fmt::format(R"(<line class="rule" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>)"
                       R"(<text x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)",
                       kLeft, chart.width - kRight, axes.y(v), axes.y(v), kLeft - 6, axes.y(v) + 4,
                       tick_text(v));
  }
  for (const double v : axes.x_ticks()) {
    svg += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)", axes.x(v),
                       axes.bottom() + 16, tick_text(v));
  }
  return svg + fmt::format(R"(<text x="{:.1f}" y="{}" text-anchor="end">{}</text>)",
                           chart.width - kRight, chart.height - 4, escaped(chart.x_label));
}

std::string marks(const Chart& chart, const Axes& axes) {
  std::string svg;
  for (const Chart::Mark& mark : chart.marks) {
    const double x = axes.x(mark.x);
    // The label goes to the side with more room.
    const bool before = x > chart.width * .65;
    svg += fmt::format(R"(<line class="mark" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2:.1f}"/>)"
                       R"(<text x="{3:.1f}" y="{4}" text-anchor="{5}">{6}</text>)",
                       x, kTop, axes.bottom(), x + (before ? -5 : 5), kTop + 10,
                       before ? "end" : "start", escaped(mark.label));
  }
  return svg;
}

std::string line_path(const Series& series, const Axes& axes) {
  std::string path;
  bool pen_down = false;
  for (const Point& p : series.points) {
    if (axes.shows(p)) {
      path += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", axes.x(p.x), axes.y(p.y));
    }
    pen_down = axes.shows(p);
  }
  return path;
}

std::string area_path(const Series& series, const Axes& axes) {
  if (series.points.empty()) return "";
  std::string path = fmt::format("M{:.1f} {:.1f}", axes.x(series.points.front().x), axes.bottom());
  for (const Point& p : series.points) {
    if (axes.shows(p)) path += fmt::format("L{:.1f} {:.1f}", axes.x(p.x), axes.y(p.y));
  }
  return path + fmt::format("L{:.1f} {:.1f}Z", axes.x(series.points.back().x), axes.bottom());
}

// Invisible dots that show their values on hover, if they are few enough to aim at.
std::string hints(const Series& series, const Axes& axes) {
  constexpr std::size_t kMost = 120;
  if (series.points.size() > kMost) return "";
  std::string svg;
  for (const Point& p : series.points) {
    if (!axes.shows(p)) continue;
    svg += fmt::format(
        R"(<circle class="hit" cx="{:.1f}" cy="{:.1f}" r="5"><title>{} {:.4g} at {:g}</title></circle>)",
        axes.x(p.x), axes.y(p.y), escaped(series.name), p.y, p.x);
  }
  return svg;
}

}  // namespace

std::vector<double> nice_ticks(double low, double high, int count) {
  const double rough = (high - low) / std::max(1, count);
  if (!(rough > 0) || !std::isfinite(rough)) return {};
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1., 2., 5.}) {
    if (factor * power >= rough * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  const double slack = 1e-9 * step;
  for (double i = std::ceil((low - slack) / step); i * step <= high + slack; ++i) {
    ticks.push_back(i * step);
  }
  return ticks;
}

std::vector<Point> thinned(const std::vector<Point>& points, std::size_t count) {
  if (points.size() <= count) return points;
  std::vector<Point> result;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = i * points.size() / count, end = (i + 1) * points.size() / count;
    Point mean;
    std::size_t finite = 0;
    for (std::size_t k = begin; k < end; ++k) {
      mean.x += points[k].x / static_cast<double>(end - begin);
      if (!std::isfinite(points[k].y)) continue;
      mean.y += points[k].y;
      ++finite;
    }
    mean.y = finite > 0 ? mean.y / static_cast<double>(finite)
                        : std::numeric_limits<double>::quiet_NaN();
    result.push_back(mean);
  }
  return result;
}

std::string chart_svg(const Chart& chart) {
  const Axes axes(chart);
  std::string svg =
      fmt::format(R"(<svg viewBox="0 0 {} {}" role="img">)", chart.width, chart.height) +
      rules(chart, axes) + marks(chart, axes);
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const Series& series = chart.series[i];
    if (!chart.area.empty() && series.name == chart.area) {
      svg += fmt::format(R"(<path class="area" d="{}"/>)", area_path(series, axes));
    }
    svg += fmt::format(R"(<path class="curve s{}" d="{}"/>)", i % 6, line_path(series, axes));
  }
  for (const Point& p : chart.dots) {
    if (!axes.shows(p)) continue;
    svg += fmt::format(R"(<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="4"/>)", axes.x(p.x),
                       axes.y(p.y));
  }
  for (const Series& series : chart.series) svg += hints(series, axes);
  return svg + "</svg>\n";
}

std::string chart_legend(const Chart& chart) {
  std::string html = R"(<div class="legend">)";
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    html += fmt::format(
        R"(<span><svg viewBox="0 0 30 8"><path class="curve s{}" d="M1 4H29"/></svg>{}</span>)",
        i % 6, escaped(chart.series[i].name));
  }
  return html + "</div>\n";
}

}  // namespace oko::run
