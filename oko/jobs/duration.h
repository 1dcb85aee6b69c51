#pragma once

#include <string>

namespace oko::jobs {

// Hours of "90m", "2h", "1h30m", "45s", "3600s" or "1.5d". Throws a usage Error at `place` for
// anything else: a number without a unit could mean anything.
double parse_hours(const std::string& text, const std::string& place);

}  // namespace oko::jobs
