#include "oko/base/file_name.h"

#include <algorithm>
#include <cassert>
#include <cstdint>

#include "oko/base/cut.h"
#include "oko/base/error.h"
#include "oko/base/text.h"

namespace oko {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; }

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// For messages: short, with control characters escaped.
std::string quoted(std::string_view name) {
  constexpr std::size_t kShown = 80;
  std::string text = printable(cut(name, kShown));
  if (name.size() > kShown) text += "...";
  return '"' + text + '"';
}

[[noreturn]] void refuse(std::string_view name, const std::string& place, std::string_view what,
                         const std::string& fault) {
  throw input_error(
      place, std::string(what) + " " + quoted(name) + " cannot be used as a file name: it " + fault,
      "rename it");
}

// FNV-1a.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace

std::string fault_in_file_name(std::string_view name, NameRule rule) {
  if (name.empty()) return "is empty";
  if (name == "." || name == "..") return "refers to a folder";
  if (name.find('/') != name.npos) return "contains '/'";
  if (name.find('\0') != name.npos) return "contains a zero byte";
  if (name.size() > kLongestFileName) {
    return "has " + std::to_string(name.size()) + " bytes, more than " +
           std::to_string(kLongestFileName);
  }
  if (rule == NameRule::kThisDisk) return "";
  if (name.find('\\') != name.npos) return "contains '\\'";
  if (std::any_of(name.begin(), name.end(), is_control)) return "contains a control character";
  if (name.size() >= 2 && name[1] == ':' && is_letter(name[0])) return "begins with a drive letter";
  return "";
}

std::string fault_in_relative_path(std::string_view path, NameRule rule) {
  if (path.starts_with('/')) return "is an absolute path";
  if (path.find("://") != path.npos) return "is a URI";
  for (std::size_t at = 0;;) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view name = path.substr(at, end - at);
    if (name.empty() && !path.empty()) return "contains an empty folder name";
    if (std::string fault = fault_in_file_name(name, rule); !fault.empty()) return fault;
    if (end == path.size()) return "";
    at = end + 1;
  }
}

const std::string& checked_file_name(const std::string& name, const std::string& place,
                                     std::string_view what) {
  const std::string fault = fault_in_file_name(name);
  if (!fault.empty()) refuse(name, place, what, fault);
  return name;
}

const std::string& checked_relative_path(const std::string& path, const std::string& place,
                                         std::string_view what) {
  const std::string fault = fault_in_relative_path(path);
  if (!fault.empty()) refuse(path, place, what, fault);
  return path;
}

std::string file_name_from(std::string_view text, std::size_t longest) {
  constexpr std::size_t kDigits = 16;
  assert(longest >= 2 * kDigits && longest <= kLongestFileName);
  const bool is_long = text.size() > longest;
  std::string name(is_long ? cut(text, longest - kDigits - 1) : text);
  const auto is_bad = [](char c) { return c == '/' || c == '\\' || is_control(c); };
  std::replace_if(name.begin(), name.end(), is_bad, '_');
  if (name.size() >= 2 && name[1] == ':' && is_letter(name[0])) name[1] = '_';
  if (is_long) {
    name += '_' + hex_digits(hash_of(text), kDigits);
  }
  if (name.empty()) return "_";
  if (name.front() == '.') name.front() = '_';
  return name;
}

}  // namespace oko
