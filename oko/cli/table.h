#pragma once

#include <cstdint>
#include <initializer_list>
#include <set>
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
  // Omits columns without a single value.
  void drop_empty();
  // Omits columns with these numbers, in this order, until the lines have at most `most`
  // characters; 0: any number. A column that is there no longer is skipped.
  void fit(std::size_t most, std::initializer_list<std::size_t> optional);
  std::string text() const;

 private:
  std::vector<std::size_t> widths() const;  // 0 for an omitted column

  std::vector<std::vector<std::string>> rows_;
  std::set<std::size_t> omitted_;
};

// The text in lines of at most `columns` characters, unless a word is longer.
std::vector<std::string> wrapped(const std::string& text, std::size_t columns = 80);

// "8 858 734".
std::string grouped(std::int64_t number);
// "1 error", "3 errors".
std::string counted(std::int64_t count, const std::string& noun);
// "batch" for "batches".
std::string singular(const std::string& nouns);
// "33.8 MiB".
std::string bytes_text(double bytes);

}  // namespace oko::cli
