#pragma once

#include <optional>
#include <string>
#include <vector>

namespace oko::run {

struct Point {
  double x = 0, y = 0;  // y may be NaN: a gap in the line
};

struct Series {
  std::string name;
  std::vector<Point> points;
};

// A line chart for the report. Unset ranges are computed from the points.
struct Chart {
  std::vector<Series> series;  // at most 6 are distinguishable
  std::string x_label;
  std::optional<double> x_low, x_high, y_low, y_high;
  bool log_y = false;
  // A vertical line at which something begins ("all layers").
  struct Mark {
    double x = 0;
    std::string label;
  };
  std::vector<Mark> marks;
  std::vector<Point> dots;  // highlighted points
  std::string area;         // the series to fill below; empty: none
  int width = 420, height = 240;
};

std::string chart_svg(const Chart& chart);
// The legend: the names of the series with samples of their lines.
std::string chart_legend(const Chart& chart);

// Round values that divide [low, high] into at most `count` parts.
std::vector<double> nice_ticks(double low, double high, int count);

// At most `count` points with the same shape: means over equal runs of points.
std::vector<Point> thinned(const std::vector<Point>& points, std::size_t count);

}  // namespace oko::run
