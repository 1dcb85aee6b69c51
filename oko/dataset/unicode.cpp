#include "oko/dataset/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <memory>

#include "oko/dataset/text.h"

namespace oko::dataset {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

// False if the text is not UTF-8.
bool map(std::string_view text, int options, std::string& result) {
  constexpr std::size_t kLongest = std::size_t{1} << 24;
  if (text.size() > kLongest) return false;
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                                             static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(mapped, std::free);
  if (size < 0) return false;
  result.assign(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size));
  return true;
}

}  // namespace

std::string composed(std::string_view text) {
  std::string result;
  if (is_ascii(text) || !map(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE, result)) {
    return std::string(text);
  }
  return result;
}

std::string decomposed(std::string_view text) {
  std::string result;
  if (is_ascii(text) || !map(text, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, result)) {
    return std::string(text);
  }
  return result;
}

std::string folded(std::string_view text) {
  std::string result;
  constexpr int kFold = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD;
  if (is_ascii(text) || !map(text, kFold, result)) return lower(text);
  return result;
}

}  // namespace oko::dataset
