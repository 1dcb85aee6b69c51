#include "oko/cost/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <chrono>

#include "oko/base/error.h"
#include "oko/base/text.h"

namespace oko::cost {
namespace {

constexpr std::size_t kMostBytes = std::size_t{4} << 20, kMostRows = 20000, kLongestCell = 200;

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells;
  for (;;) {
    const std::size_t comma = line.find(',');
    cells.emplace_back(trimmed(line.substr(0, comma)));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

void check_line(std::string_view line, const std::string& place) {
  if (printable(line) != line) {
    throw input_error(place, "contains control or invisible characters");
  }
  if (line.find('"') != std::string_view::npos) {
    throw input_error(place, "contains quotes", "write cells without quotes and commas");
  }
}

template <typename T>
std::optional<T> parsed(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

const std::string& Row::cell(std::string_view column) const {
  const auto found = std::ranges::find(columns_, column);
  assert(found != columns_.end());
  return cells_[static_cast<std::size_t>(found - columns_.begin())];
}

void Row::refuse(std::string_view column, const std::string& why, const std::string& hint) const {
  throw input_error(place_, fmt::format("{} \"{}\": {}", column, cell(column), why), hint);
}

const std::string& Row::text(std::string_view column) const {
  if (is_empty(column)) throw input_error(place_, fmt::format("{} is empty", column));
  return cell(column);
}

double Row::number(std::string_view column, double low, double high) const {
  const auto value = parsed<double>(text(column));
  if (!value) refuse(column, "is not a number");
  // Written so that NaN is refused.
  if (!(*value >= low && *value <= high)) {
    refuse(column, fmt::format("is not within {:g} and {:g}", low, high));
  }
  return *value;
}

int Row::whole(std::string_view column, int low, int high) const {
  const auto value = parsed<int>(text(column));
  if (!value || *value < low || *value > high) {
    refuse(column, fmt::format("is not a whole number from {} to {}", low, high));
  }
  return *value;
}

bool Row::yes(std::string_view column) const {
  if (text(column) == "yes") return true;
  if (text(column) != "no") refuse(column, "is neither yes nor no");
  return false;
}

const std::string& Row::day(std::string_view column) const {
  const std::string& day = text(column);
  const bool shaped = day.size() == 10 && day[4] == '-' && day[7] == '-';
  const auto year = shaped ? parsed<int>(day.substr(0, 4)) : std::nullopt;
  const auto month = shaped ? parsed<unsigned>(day.substr(5, 2)) : std::nullopt;
  const auto date = shaped ? parsed<unsigned>(day.substr(8, 2)) : std::nullopt;
  if (!year || !month || !date ||
      !std::chrono::year_month_day(std::chrono::year(*year), std::chrono::month(*month),
                                   std::chrono::day(*date))
           .ok() ||
      *year < 2010) {
    refuse(column, "is not a day", "write year-month-day: 2026-11-29");
  }
  return day;
}

const std::string& Row::commit(std::string_view column) const {
  const std::string& hash = text(column);
  const bool hexadecimal = hash.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (hash != "-" && (!hexadecimal || hash.size() < 7 || hash.size() > 64)) {
    refuse(column, "is not a commit", "write at least 7 hexadecimal digits, or - if there is none");
  }
  return hash;
}

std::vector<Row> read_table(std::string_view text, const std::string& name,
                            std::span<const std::string_view> columns) {
  if (text.size() > kMostBytes) throw input_error(name, "is too large for a table (4 MiB)");
  text = without_bom(text);
  std::vector<Row> rows;
  bool headed = false;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const std::string place = fmt::format("{}:{}", name, number);
    check_line(line, place);
    std::vector<std::string> cells = cells_of(line);
    if (!headed) {
      if (!std::ranges::equal(cells, columns)) {
        throw input_error(place, "the first line must name the columns",
                          fmt::format("{}", fmt::join(columns, ",")));
      }
      headed = true;
      continue;
    }
    if (cells.size() != columns.size()) {
      throw input_error(place, fmt::format("has {} cells, not {}", cells.size(), columns.size()),
                        fmt::format("columns: {}", fmt::join(columns, ",")));
    }
    for (const std::string& cell : cells) {
      if (cell.size() > kLongestCell) throw input_error(place, "has a cell of more than 200 bytes");
    }
    if (rows.size() == kMostRows) throw input_error(place, "has too many rows (20000)");
    rows.emplace_back(place, columns, std::move(cells));
  }
  if (!headed) throw input_error(name, "is empty", fmt::format("{}", fmt::join(columns, ",")));
  return rows;
}

}  // namespace oko::cost
