#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace oko::run {

// Text escaped for HTML content and attributes. Bytes that are not UTF-8 become U+FFFD.
std::string escaped(std::string_view text);

std::string base64(std::span<const std::byte> bytes);

// The style sheet of a report: light and dark, wide and narrow screens.
std::string_view report_style();

}  // namespace oko::run
