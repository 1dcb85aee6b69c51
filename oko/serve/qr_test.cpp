#include "oko/serve/qr.h"

#include <gtest/gtest.h>

#include <string_view>

#include "oko/base/error.h"

namespace oko::serve {
namespace {

constexpr const char* kLink = "https://192.168.178.123:8443/ABCDEFGHIJKLMNOPQRSTUVWXYZ/";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// The modules that a line's blocks show: those of the upper row, and of the lower.
std::pair<std::vector<bool>, std::vector<bool>> modules_of(std::string_view line) {
  std::vector<bool> upper, lower;
  line.remove_prefix(line.find('m') + 1);
  line.remove_suffix(line.size() - line.find('\x1b'));
  while (!line.empty()) {
    const bool blank = line.front() == ' ';
    const std::string_view block = line.substr(0, blank ? 1 : 3);
    upper.push_back(block == "█" || block == "▀");
    lower.push_back(block == "█" || block == "▄");
    line.remove_prefix(block.size());
  }
  return {upper, lower};
}

TEST(QrCode, IsSmallForALink) {
  const QrCode code = make_qr(kLink);
  EXPECT_EQ(code.size(), 29u);  // version 3
  for (const auto& row : code) EXPECT_EQ(row.size(), code.size());
  // The corner of a finder pattern: dark, with a light ring inside.
  EXPECT_TRUE(code[0][0] && code[0][6] && code[6][0]);
  EXPECT_FALSE(code[1][1] || code[7][7]);
  EXPECT_TRUE(code[3][3]);
}

TEST(QrCode, OfTooLongATextIsRefused) {
  EXPECT_THROW(make_qr(std::string(301, 'x')), Error);
  EXPECT_NO_THROW(make_qr(std::string(300, 'x')));
}

TEST(QrText, ShowsTheModulesInTheirQuietZone) {
  const QrCode code = make_qr(kLink);
  const auto size = static_cast<int>(code.size());
  for (const auto& [columns, quiet] :
       {std::pair(80, 4), std::pair(37, 4), std::pair(36, 2), std::pair(33, 2)}) {
    const std::vector<std::string> lines = lines_of(qr_text(code, columns));
    EXPECT_EQ(static_cast<int>(lines.size()), (size + 2 * quiet + 1) / 2);
    int y = -quiet;
    for (const std::string& line : lines) {
      EXPECT_TRUE(line.starts_with("\x1b[38;5;16;48;5;231m") && line.ends_with("\x1b[0m"));
      const auto rows = modules_of(line);
      for (const auto& row : {rows.first, rows.second}) {
        ASSERT_EQ(static_cast<int>(row.size()), size + 2 * quiet);
        for (int x = -quiet; x < size + quiet; ++x) {
          const bool inside = x >= 0 && y >= 0 && x < size && y < size;
          EXPECT_EQ(row[x + quiet], inside && code[y][x]) << x << " " << y;
        }
        ++y;
      }
    }
  }
}

TEST(QrText, IsLeftOutWhereItDoesNotFit) {
  const QrCode code = make_qr(kLink);
  for (const int columns : {32, 10, 0, -1}) EXPECT_EQ(qr_text(code, columns), "") << columns;
}

}  // namespace
}  // namespace oko::serve
