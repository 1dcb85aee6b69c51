#pragma once

#include <fstream>
#include <string>

namespace oko::bench {

// Peak memory of a process ("self" or its pid), as reported by the Linux kernel; 0 if unknown.
inline long peak_kilobytes(const std::string& process) {
  std::ifstream status("/proc/" + process + "/status");
  for (std::string word; status >> word;) {
    long kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes;
  }
  return 0;
}

}  // namespace oko::bench
