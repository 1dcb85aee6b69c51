#pragma once

#include <cstdint>
#include <string>

#include "oko/storage/http/client.h"
#include "oko/storage/http/retry.h"

namespace oko::storage::http {

// Whether this names a server rather than a folder or bucket: "https://…".
bool is_https(std::string_view address);

// What is at an https address. Follows redirects, never away from https, and repeats what fails for
// a while. Throws kStorage for a server that does not respond or does not have it, and for more
// than `longest` bytes.
std::string get(Client& client, const std::string& url, std::uint64_t longest,
                const Policy& policy = usual_policy(), const Timeouts& timeouts = usual_timeouts());

}  // namespace oko::storage::http
