#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "oko/storage/http/client.h"

namespace oko::storage::http {

inline constexpr int kMostRedirects = 5;  // that a request may lead to, one after another

// "https://HOST:PORT" of an absolute URL; "" for anything else.
std::string origin_of(std::string_view url);

bool is_redirect(const Response& response);

// Where a redirect or an upload continues.
struct Location {
  std::string url;
  bool same_origin = true;  // as the request: only there credentials are sent
};
// A Location header, relative or absolute, of a response to a request to `origin`
// ("https://HOST:PORT"). Nothing if it is not http, or leaves https.
std::optional<Location> resolve_location(const std::string& origin, std::string_view location);

}  // namespace oko::storage::http
