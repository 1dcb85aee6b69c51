#pragma once

#include <functional>
#include <memory>
#include <ostream>

#include "oko/base/progress.h"

namespace oko::cli {

// A monotonic clock in seconds; tests inject their own.
using Clock = std::function<double()>;
Clock steady_clock();

// One line on a terminal, redrawn at most ten times a second:
//   checking  [=====>    ]  62 %  228/364 images  41/s  3 s left  loss 3.2
// `columns` returns the terminal's current width.
std::unique_ptr<Progress> make_terminal_progress(std::ostream& out, std::function<int()> columns,
                                                 Clock clock = steady_clock());

// Plain lines for files and pipes: at most one every `interval` seconds, and one when it ends.
std::unique_ptr<Progress> make_line_progress(std::ostream& out, double interval = 10,
                                             Clock clock = steady_clock());

// "3 s", "2 min 05 s", "1 h 04 min".
std::string duration_text(double seconds);

}  // namespace oko::cli
