#pragma once

#include <string>
#include <string_view>

namespace oko::run {

// Text escaped for HTML content and attributes. Bytes that are not UTF-8 become U+FFFD.
std::string escaped(std::string_view text);

// The style sheet of a report: light and dark, wide and narrow screens.
std::string_view report_style();

}  // namespace oko::run
