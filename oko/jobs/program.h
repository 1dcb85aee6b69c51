#pragma once

#include <string>

namespace oko::jobs {

// The oko program that this process belongs to: what a back end starts on this machine. The program
// in bin sets OKO_PROGRAM before it becomes another one.
std::string this_program();
std::string this_host();  // its name; "?" if it has none

}  // namespace oko::jobs
