#include "oko/storage/s3/settings_file.h"

#include <algorithm>
#include <cctype>

#include "oko/base/error.h"
#include "oko/base/text.h"

namespace oko::storage::s3 {
namespace {

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

std::string section_name(std::string_view inside) {
  constexpr std::string_view kProfile = "profile";
  inside = trimmed(inside);
  if (inside.starts_with(kProfile) && inside.size() > kProfile.size() &&
      is_space(inside[kProfile.size()])) {
    inside = trimmed(inside.substr(kProfile.size()));
  }
  if (inside.size() >= 2 && inside.front() == '"' && inside.back() == '"') {
    inside = inside.substr(1, inside.size() - 2);
  }
  return std::string(inside);
}

}  // namespace

Settings parse_settings(std::string_view text, const std::string& name) {
  Settings settings;
  std::map<std::string, std::string>* section = nullptr;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view whole = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), whole.size() + 1));
    const std::string_view line = trimmed(whole);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    const std::string place = name + ":" + std::to_string(number);
    if (line.front() == '[') {
      const auto end = line.find(']');
      if (end == line.npos)
        throw input_error(place, "the line starts a [section] without a closing ]", "add the ]");
      section = &settings[section_name(line.substr(1, end - 1))];
      continue;
    }
    if (is_space(whole.front())) continue;
    const auto equals = line.find('=');
    if (equals == line.npos || section == nullptr) {
      throw input_error(place, "neither a [section] nor NAME = VALUE in one", "fix the line");
    }
    std::string key(trimmed(line.substr(0, equals)));
    for (char& c : key) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    (*section)[key] = trimmed(line.substr(equals + 1));
  }
  return settings;
}

}  // namespace oko::storage::s3
