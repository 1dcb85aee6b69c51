#pragma once

namespace oko::cost {

// A figure with its spread: the true one is expected between low and high.
struct Range {
  double low = 0, likely = 0, high = 0;
  bool operator==(const Range&) const = default;
};

constexpr Range exactly(double value) { return {value, value, value}; }
// `factor` ≥ 1: from likely / factor to likely × factor.
constexpr Range within_factor(double likely, double factor) {
  return {likely / factor, likely, likely * factor};
}

constexpr Range operator+(const Range& a, const Range& b) {
  return {a.low + b.low, a.likely + b.likely, a.high + b.high};
}
// Of figures that are not negative.
constexpr Range operator*(const Range& a, const Range& b) {
  return {a.low * b.low, a.likely * b.likely, a.high * b.high};
}
constexpr Range operator*(const Range& a, double factor) { return a * exactly(factor); }
constexpr Range operator/(const Range& a, const Range& b) {
  return {a.low / b.high, a.likely / b.likely, a.high / b.low};
}

}  // namespace oko::cost
