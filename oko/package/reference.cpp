#include "oko/package/reference.h"

#include <algorithm>

#include "oko/base/error.h"

namespace oko::package {
namespace {

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestTag = 128;
constexpr std::size_t kDigestDigits = 64;
constexpr std::string_view kSha256 = "sha256:";

bool is_lower(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alphanumeric(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

[[noreturn]] void refuse(std::string_view text, const std::string& what) {
  throw Error(ErrorCode::kUsage, std::string(text.substr(0, 2 * kLongestName)), what,
              "for example europe-docker.pkg.dev/my-project/images/oko:1");
}

// "a", "a.b", "a__b", "a--b": letters and digits, separated by one '.', one or two '_' or some '-'.
bool is_path_part(std::string_view part) {
  if (part.empty() || !is_lower(part.front()) || !is_lower(part.back())) return false;
  for (std::size_t i = 0; i < part.size();) {
    if (is_lower(part[i])) {
      ++i;
      continue;
    }
    const char c = part[i];
    std::size_t run = 0;
    while (part[i] == c) ++run, ++i;  // ends: the last one is a letter or digit
    const std::size_t most = c == '.' ? 1 : c == '_' ? 2 : c == '-' ? part.size() : 0;
    if (run > most || !is_lower(part[i])) return false;
  }
  return true;
}

bool is_repository(std::string_view name) {
  if (name.empty() || name.size() > kLongestName) return false;
  while (true) {
    const auto slash = name.find('/');
    if (!is_path_part(name.substr(0, slash))) return false;
    if (slash == name.npos) return true;
    name.remove_prefix(slash + 1);
  }
}

bool is_tag(std::string_view tag) {
  const auto allowed = [](char c) {
    return is_alphanumeric(c) || c == '_' || c == '.' || c == '-';
  };
  return !tag.empty() && tag.size() <= kLongestTag && (is_alphanumeric(tag[0]) || tag[0] == '_') &&
         std::ranges::all_of(tag, allowed);
}

bool is_port(std::string_view port) {
  return !port.empty() && port.size() <= 5 && std::ranges::all_of(port, is_digit);
}

bool is_host_name(std::string_view host) {
  const auto allowed = [](char c) { return is_alphanumeric(c) || c == '.' || c == '-'; };
  return !host.empty() && is_alphanumeric(host.front()) && is_alphanumeric(host.back()) &&
         std::ranges::all_of(host, allowed) && host.find("..") == host.npos;
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {  // IPv6
    const auto end = host.find(']');
    if (end == host.npos || end < 3) return false;
    const auto allowed = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || c == ':'; };
    const std::string_view rest = host.substr(end + 1);
    return std::ranges::all_of(host.substr(1, end - 1), allowed) &&
           (rest.empty() || (rest.starts_with(':') && is_port(rest.substr(1))));
  }
  const auto colon = host.find(':');
  return is_host_name(host.substr(0, colon)) &&
         (colon == host.npos || is_port(host.substr(colon + 1)));
}

bool is_registry(std::string_view first) {
  return first.find_first_of(".:") != first.npos || first == "localhost";
}

bool is_this_machine(std::string_view registry) {
  const std::string_view host = registry.substr(0, registry.find(':'));
  const bool is_address =
      host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos;
  return is_address || host == "localhost" || registry.starts_with("[::1]");
}

}  // namespace

bool is_digest(std::string_view text) {
  if (!text.starts_with(kSha256)) return false;
  const std::string_view digits = text.substr(kSha256.size());
  return digits.size() == kDigestDigits &&
         std::ranges::all_of(digits, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

std::string ImageReference::version() const {
  if (!digest.empty()) return digest;
  return tag.empty() ? "latest" : tag;
}

std::string ImageReference::text() const {
  return registry + "/" + repository + (tag.empty() ? "" : ":" + tag) +
         (digest.empty() ? "" : "@" + digest);
}

std::string ImageReference::origin(bool plain_http) const {
  // Docker Hub's registry has another name than its images.
  if (registry == "docker.io") return "https://registry-1.docker.io";
  return (plain_http || is_this_machine(registry) ? "http://" : "https://") + registry;
}

ImageReference parse_image_reference(std::string_view text) {
  ImageReference reference;
  std::string_view rest = text;
  if (const auto at = rest.find('@'); at != rest.npos) {
    reference.digest = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (!is_digest(reference.digest)) refuse(text, "the digest is not sha256: and 64 digits");
  }
  const auto slash = rest.find('/');
  if (slash == rest.npos || !is_registry(rest.substr(0, slash))) {
    refuse(text, "the registry is missing");
  }
  reference.registry = rest.substr(0, slash);
  if (!is_host(reference.registry)) refuse(text, "the registry's name is invalid");
  rest.remove_prefix(slash + 1);
  if (const auto colon = rest.find(':'); colon != rest.npos) {
    reference.tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (!is_tag(reference.tag)) refuse(text, "the tag is invalid");
  }
  if (!is_repository(rest)) {
    refuse(text, "the image's name is invalid: lower-case letters and digits, with '.', '_', '-'");
  }
  reference.repository = rest;
  if (reference.registry == "docker.io" && rest.find('/') == rest.npos) {
    reference.repository = "library/" + reference.repository;
  }
  return reference;
}

}  // namespace oko::package
