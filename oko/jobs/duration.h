#pragma once

#include <string>

namespace oko::jobs {

// Hours of "90m", "2h", "1h30m", "45s", "3600s" or "1.5d". Throws a usage Error at `place` for
// anything else: a number without a unit could mean anything.
double parse_hours(const std::string& text, const std::string& place);

// The other way: "20 s", "2.5 s", "90 min", "1 min 30 s", "8 h", "26 h 15 min", "3 d 4 h". Seconds
// from 10 minutes on and minutes from 48 hours on are rounded away.
std::string duration_text(double seconds);
// Roughly, for "… ago": "45 s", "25 min", "3 h", "2 d".
std::string age_text(double seconds);

}  // namespace oko::jobs
