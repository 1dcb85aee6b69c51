#include "oko/jobs/kubernetes/names.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "oko/base/error.h"
#include "oko/base/text.h"

namespace oko::jobs::kubernetes {
namespace {

constexpr std::size_t kLongestLabel = 63, kLongestDomain = 253, kLongestImage = 512;

bool is_lower(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

bool is_label(std::string_view name) {
  return !name.empty() && name.size() <= kLongestLabel && is_lower(name.front()) &&
         is_lower(name.back()) &&
         std::ranges::all_of(name, [](char c) { return is_lower(c) || c == '-'; });
}

bool is_domain(std::string_view name) {
  if (name.size() > kLongestDomain) return false;
  while (true) {
    const auto dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == name.npos) return true;
    name.remove_prefix(dot + 1);
  }
}

// A label's value, and a key without its prefix.
bool is_qualified(std::string_view text) {
  return !text.empty() && text.size() <= kLongestLabel && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back()) && std::ranges::all_of(text, [](char c) {
           return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
         });
}

bool is_quantity(std::string_view text) {
  constexpr std::array<std::string_view, 10> kSuffixes = {"",   "m", "k",  "Ki", "M",
                                                          "Mi", "G", "Gi", "T",  "Ti"};
  const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, digits), suffix = text.substr(digits);
  constexpr std::size_t kLongest = 15;
  return !number.empty() && number.size() <= kLongest && number.front() != '.' &&
         number.back() != '.' && std::ranges::count(number, '.') <= 1 &&
         number.find_first_of("123456789") != number.npos &&
         std::ranges::find(kSuffixes, suffix) != kSuffixes.end();
}

bool is_mount(std::string_view path) {
  if (path.size() < 2 || path.front() != '/' || path.size() > 1024) return false;
  if (path.find(':') != path.npos || printable(path) != path) return false;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view part = path.substr(0, path.find('/'));
    if (part.empty() || part == "." || part == "..") return false;
    path.remove_prefix(part.size());
  }
  return true;
}

const std::string& checked(bool valid, const std::string& text, std::string_view place,
                           const char* what, const char* hint) {
  if (valid) return text;
  throw Error(ErrorCode::kUsage, std::string(place),
              "\"" + printable(text.substr(0, 100)) + "\" is not " + what, hint);
}

}  // namespace

const std::string& checked_label(const std::string& name, std::string_view place) {
  return checked(is_label(name), name, place, "a Kubernetes name",
                 "use at most 63 of a-z, 0-9 and -");
}

const std::string& checked_domain(const std::string& name, std::string_view place) {
  return checked(is_domain(name), name, place, "a Kubernetes name", "use a-z, 0-9, - and .");
}

const std::string& checked_quantity(const std::string& text, std::string_view place) {
  return checked(is_quantity(text), text, place, "a Kubernetes quantity",
                 "examples: 4, 500m, 16Gi");
}

const std::string& checked_label_key(const std::string& key, std::string_view place) {
  const auto slash = key.find('/');
  const bool prefixed = slash != key.npos;
  const bool valid = is_qualified(prefixed ? std::string_view(key).substr(slash + 1) : key) &&
                     (!prefixed || is_domain(std::string_view(key).substr(0, slash)));
  return checked(valid, key, place, "the key of a Kubernetes label",
                 "example: node.kubernetes.io/instance-type");
}

const std::string& checked_label_value(const std::string& value, std::string_view place) {
  return checked(value.empty() || is_qualified(value), value, place,
                 "the value of a Kubernetes label", "use at most 63 letters, digits, -, _ and .");
}

const std::string& checked_image(const std::string& image, std::string_view place) {
  const bool valid =
      !image.empty() && image.size() <= kLongestImage && is_alphanumeric(image.front()) &&
      std::ranges::all_of(image, [](char c) {
        return is_alphanumeric(c) || std::string_view("./:@-_+").find(c) != std::string_view::npos;
      });
  return checked(valid, image, place, "the name of an image", "example: registry.example/oko:1.0");
}

const std::string& checked_mount(const std::string& path, std::string_view place) {
  return checked(is_mount(path), path, place, "an absolute path without . and ..",
                 "example: --volume photos:/mnt/photos");
}

}  // namespace oko::jobs::kubernetes
