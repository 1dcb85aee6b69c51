#include "oko/storage/transfer/filter.h"

#include <algorithm>

namespace oko::storage {
namespace {

// Of "[a-c]…": whether `c` is in it; `pattern` is left after the ']'. Without a ']' the '[' is an
// ordinary character.
bool in_brackets(std::string_view& pattern, char c) {
  const bool inverted = pattern.size() > 1 && (pattern[1] == '!' || pattern[1] == '^');
  const std::size_t first = inverted ? 2 : 1;
  const auto end = pattern.find(']', first + 1);
  if (end == std::string_view::npos) {
    pattern.remove_prefix(1);
    return c == '[';
  }
  bool found = false;
  for (std::size_t i = first; i < end; ++i) {
    if (i + 2 < end && pattern[i + 1] == '-') {
      found |= pattern[i] <= c && c <= pattern[i + 2];
      i += 2;
    } else {
      found |= pattern[i] == c;
    }
  }
  pattern.remove_prefix(end + 1);
  return found != inverted && c != '/';
}

// Iterative, with one backtracking position for each kind of star: time is bounded by the product
// of the lengths, not exponential.
bool matches_whole(std::string_view pattern, std::string_view name) {
  struct Star {
    std::string_view pattern, name;
    bool set = false;
    bool folders = false;  // only whole folders are skipped
  } one, two;
  while (true) {
    if (pattern.starts_with("**")) {
      pattern.remove_prefix(2);
      if (pattern.starts_with('/')) {  // "**/x" is also x itself
        two = {pattern.substr(1), name, true, true};
        pattern.remove_prefix(1);
      } else {
        two = {pattern, name, true};
      }
      one.set = false;
      continue;
    }
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      one = {pattern, name, true};
      continue;
    }
    if (pattern.empty() && name.empty()) return true;
    if (!pattern.empty() && !name.empty()) {
      std::string_view rest = pattern.substr(1);
      bool same = pattern[0] == name[0] || (pattern[0] == '?' && name[0] != '/');
      if (pattern[0] == '[') {
        rest = pattern;
        same = in_brackets(rest, name[0]);
      }
      if (same) {
        pattern = rest;
        name.remove_prefix(1);
        continue;
      }
    }
    if (one.set && !one.name.empty() && one.name[0] != '/') {
      one.name.remove_prefix(1);
      pattern = one.pattern;
      name = one.name;
    } else if (two.set && !two.name.empty()) {
      one.set = false;
      const auto step = two.folders ? two.name.find('/') : 0;
      if (step == std::string_view::npos) return false;
      two.name.remove_prefix(step + 1);
      pattern = two.pattern;
      name = two.name;
    } else {
      return false;
    }
  }
}

}  // namespace

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('/')) return matches_whole(std::string(pattern) + "**", name);
  if (pattern.find('/') == std::string_view::npos) {
    const auto slash = name.rfind('/');
    if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  } else if (pattern.starts_with('/')) {
    pattern.remove_prefix(1);
  }
  return matches_whole(pattern, name);
}

bool Filter::takes(std::string_view name) const {
  const auto hits = [&](const std::string& pattern) { return matches(pattern, name); };
  return (include.empty() || std::ranges::any_of(include, hits)) &&
         std::ranges::none_of(exclude, hits);
}

}  // namespace oko::storage
