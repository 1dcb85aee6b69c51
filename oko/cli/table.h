#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace oko::cli {

// Text in columns for a terminal: the first row is the heading; numeric columns (those after the
// first whose cells all start with a digit) are right-aligned.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) { add(std::move(heading)); }
  // Cells are passed through printable().
  void add(std::vector<std::string> row);
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "8 858 734".
std::string grouped(std::int64_t number);
// "1 error", "3 errors".
std::string counted(std::int64_t count, const std::string& noun);
// "33.8 MiB".
std::string bytes_text(double bytes);

}  // namespace oko::cli
