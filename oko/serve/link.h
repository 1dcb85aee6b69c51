#pragma once

#include <string>
#include <string_view>

#include "oko/serve/address.h"

namespace oko::serve {

// What the link holds so that nobody opens the page who was not given it: 128 random bits in 26
// characters of RFC 4648's base 32, which QR codes store in little space.
std::string make_token();

// Whether they are equal, in a time that tells nothing about where they differ.
bool same_token(std::string_view given, std::string_view token);

// "https://192.168.1.5:8443/TOKEN/". All of the page's addresses are relative to it.
std::string link_of(const Address& address, const std::string& token);

}  // namespace oko::serve
