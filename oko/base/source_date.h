#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace oko {

// From SOURCE_DATE_EPOCH, which builds and tests set to get equal files: seconds since 1970,
// instead of the time at which something is written. A usage Error if it is not such a number.
// `environment` gives the value of a variable, "" if it is not set.
std::optional<std::int64_t> source_date(const std::function<std::string(const char*)>& environment);

}  // namespace oko
