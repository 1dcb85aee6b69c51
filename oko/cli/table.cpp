#include "oko/cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "oko/base/count.h"
#include "oko/base/text.h"

namespace oko::cli {
namespace {

// Number of UTF-8 characters, each counted as one column.
std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

constexpr std::string_view kGap = "  ";  // between columns

bool looks_like_number(const std::string& cell) {
  return cell.empty() || cell == "-" || (cell.front() >= '0' && cell.front() <= '9');
}

}  // namespace

void Table::add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = printable(cell);
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (std::size_t c = 0; c < widths.size(); ++c) {
    if (omitted_.contains(c)) continue;
    for (const auto& row : rows_) widths[c] = std::max(widths[c], columns_of(row[c]));
  }
  return widths;
}

void Table::drop_empty() {
  for (std::size_t c = 0; c < rows_.front().size(); ++c) {
    if (std::all_of(rows_.begin() + 1, rows_.end(),
                    [c](const auto& row) { return row[c].empty(); }))
      omitted_.insert(c);
  }
}

void Table::fit(std::size_t most, std::initializer_list<std::size_t> optional) {
  if (most == 0) return;
  for (const std::size_t column : optional) {
    std::size_t all = 0;
    for (const std::size_t width : widths()) all += width == 0 ? 0 : width + kGap.size();
    if (all <= most + kGap.size()) return;
    omitted_.insert(column);
  }
}

std::string Table::text() const {
  const std::vector<std::size_t> widths = this->widths();
  std::vector<bool> right(widths.size());
  for (std::size_t c = 1; c < widths.size(); ++c) {
    right[c] = std::all_of(rows_.begin() + 1, rows_.end(),
                           [c](const auto& row) { return looks_like_number(row[c]); });
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      if (omitted_.contains(c)) continue;
      const std::string space(widths[c] - columns_of(row[c]), ' ');
      if (c > 0) line += kGap;
      line += right[c] ? space + row[c] : row[c] + space;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  text.pop_back();  // the caller ends the last line
  return text;
}

std::vector<std::string> wrapped(const std::string& text, std::size_t columns) {
  std::vector<std::string> lines;
  std::string line;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (!line.empty() && columns_of(line) + 1 + columns_of(word) > columns) {
      lines.push_back(std::exchange(line, ""));
    }
    line += (line.empty() ? "" : " ") + word;
    at = end + 1;
  }
  lines.push_back(line);
  return lines;
}

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (number < 0 ? 1 : 0);
       at -= 3) {
    digits.insert(static_cast<std::size_t>(at), " ");
  }
  return digits;
}

std::string singular(const std::string& nouns) {
  const bool has_es = nouns.ends_with("sses") || nouns.ends_with("xes") || nouns.ends_with("tches");
  const std::size_t ending = has_es ? 2 : nouns.ends_with('s') ? 1 : 0;
  return nouns.substr(0, nouns.size() - ending);
}

std::string counted(std::int64_t count, const std::string& noun) {
  return counted_text(grouped(count), count, noun);
}

std::string bytes_text(double bytes) {
  if (bytes < 1024) return fmt::format("{:.0f} B", bytes);
  if (bytes < 1024.0 * 1024) return fmt::format("{:.1f} KiB", bytes / 1024);
  if (bytes < 1024.0 * 1024 * 1024) return fmt::format("{:.1f} MiB", bytes / (1024.0 * 1024));
  return fmt::format("{:.2f} GiB", bytes / (1024.0 * 1024 * 1024));
}

}  // namespace oko::cli
