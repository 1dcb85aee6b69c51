#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace oko {

// "1 head", "2 heads", "3 boxes"; with the number as it is to be shown.
inline std::string counted_text(std::string number, std::int64_t count, const std::string& noun) {
  const bool to_es = noun.ends_with("ss") || noun.ends_with("x") || noun.ends_with("tch");
  return std::move(number) + " " + noun + (count == 1 ? "" : to_es ? "es" : "s");
}
inline std::string counted_text(std::int64_t count, const std::string& noun) {
  return counted_text(std::to_string(count), count, noun);
}

}  // namespace oko
