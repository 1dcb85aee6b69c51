#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oko::dataset {

// A complete decimal number, blanks around it allowed; nothing for anything else. Infinities and
// NaN are numbers here: usable_box() reports them.
std::optional<double> parse_number(std::string_view text);
std::optional<int> parse_int(std::string_view text);

std::string_view trimmed(std::string_view text);
std::vector<std::string_view> split_lines(std::string_view text);   // at "\n", "\r\n", "\r"
std::vector<std::string_view> split_lines(std::string&&) = delete;  // the lines would dangle
std::vector<std::string_view> split_blanks(std::string_view line);
std::string lower(std::string_view text);  // ASCII

// The same for names that differ only in case and blanks ("Raccoon ", "raccoon").
std::string spelling_key(std::string_view name);

// Lines of a text by byte offset, counted from 1.
class LineIndex {
 public:
  explicit LineIndex(std::string_view text);
  int line_at(std::size_t offset) const;

 private:
  std::vector<std::size_t> starts_;
};

}  // namespace oko::dataset
