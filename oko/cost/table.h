#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace oko::cost {

// The tables of this folder are text that people edit: comma-separated cells without quotes, the
// names of the columns in the first line, '#' at the start of a comment line.

// A line of such a table. Its functions throw an input Error "file:line" that names the column.
class Row {
 public:
  Row(std::string place, std::span<const std::string_view> columns, std::vector<std::string> cells)
      : place_(std::move(place)), columns_(columns), cells_(std::move(cells)) {}

  // The cell; must not be empty.
  const std::string& text(std::string_view column) const;
  bool is_empty(std::string_view column) const { return cell(column).empty(); }
  // Both limits included.
  double number(std::string_view column, double low, double high) const;
  int whole(std::string_view column, int low, int high) const;
  bool yes(std::string_view column) const;  // "yes" or "no"
  // A day, "2026-11-29".
  const std::string& day(std::string_view column) const;
  // Part of a commit's hash in hexadecimal, or "-" for a source that has no commits.
  const std::string& commit(std::string_view column) const;

  [[noreturn]] void refuse(std::string_view column, const std::string& why,
                           const std::string& hint = {}) const;
  const std::string& place() const { return place_; }

 private:
  const std::string& cell(std::string_view column) const;

  std::string place_;
  std::span<const std::string_view> columns_;
  std::vector<std::string> cells_;
};

// Throws an input Error "name:line" for other columns, a wrong number of cells, quotes, control
// characters or text that is too long. `columns` must outlive the rows.
std::vector<Row> read_table(std::string_view text, const std::string& name,
                            std::span<const std::string_view> columns);

}  // namespace oko::cost
