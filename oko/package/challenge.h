#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace oko::package {

// How a registry wants requests to be authenticated: its WWW-Authenticate header (RFC 7235).
struct Challenge {
  enum class Scheme { kBasic, kBearer };
  Scheme scheme = Scheme::kBasic;
  std::string realm;    // kBearer: the URL that issues tokens
  std::string service;  // kBearer: passed on to it
};

// Nothing if the header names neither scheme, or a Bearer challenge has no realm.
std::optional<Challenge> parse_challenge(std::string_view header);

// An answer of a token server.
struct RegistryToken {
  std::string text;
  std::int64_t seconds = 60;  // of life; the protocol's default
};
// Throws an Error of kStorage with `place` that contains nothing of the answer.
RegistryToken parse_registry_token(std::string_view json, const std::string& place);

}  // namespace oko::package
