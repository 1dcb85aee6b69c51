#pragma once

#include <optional>
#include <string>
#include <vector>

namespace oko::run {

struct Point {
  double x = 0, y = 0;  // y may be NaN: the line has a gap there
};

struct Series {
  std::string name;
  std::vector<Point> points;
};

// A line chart for the report. Ranges not given come from the points.
struct Chart {
  std::vector<Series> series;  // at most 6 are told apart
  std::string x_label;
  std::optional<double> x_low, x_high, y_low, y_high;
  bool log_y = false;
  // A vertical line where something begins ("all layers").
  struct Mark {
    double x = 0;
    std::string label;
  };
  std::vector<Mark> marks;
  std::vector<Point> dots;  // points worth pointing at
  std::string area;         // the name of the series to fill below; empty: none
  int width = 420, height = 240;
};

std::string chart_svg(const Chart& chart);
// The names of the series with a piece of their line.
std::string chart_legend(const Chart& chart);

// Round numbers that divide [low, high] into at most `count` parts.
std::vector<double> nice_ticks(double low, double high, int count);

// At most `count` points that show the same course: means over equal runs of points.
std::vector<Point> thinned(const std::vector<Point>& points, std::size_t count);

}  // namespace oko::run
