#include "oko/storage/http/redirect.h"

#include <algorithm>

namespace oko::storage::http {

std::string origin_of(std::string_view url) {
  const auto start = url.find("://");
  if (start == url.npos) return {};
  return std::string(url.substr(0, url.find_first_of("/?#", start + 3)));
}

bool is_redirect(const Response& response) {
  return response.status >= 301 && response.status <= 308;
}

std::optional<Location> resolve_location(const std::string& origin, std::string_view location) {
  const auto plain = [](char c) { return c > ' ' && c <= '~'; };
  if (location.empty() || !std::ranges::all_of(location, plain)) return std::nullopt;
  if (location.starts_with('/') && !location.starts_with("//")) {
    return Location{origin + std::string(location), true};
  }
  const std::string other = origin_of(location);
  if (other.find('@') != other.npos) return std::nullopt;
  if (other == origin) return Location{std::string(location), true};
  if (!other.starts_with("https://") &&
      !(other.starts_with("http://") && origin.starts_with("http://"))) {
    return std::nullopt;
  }
  return Location{std::string(location), false};
}

}  // namespace oko::storage::http
