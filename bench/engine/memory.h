#pragma once

#include <fstream>
#include <string>

namespace oko::bench {

// The most memory a process ("self" or its number) has had, as the Linux kernel counts it; 0 where
// that is not known.
inline long peak_kilobytes(const std::string& process) {
  std::ifstream status("/proc/" + process + "/status");
  for (std::string word; status >> word;) {
    long kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes;
  }
  return 0;
}

}  // namespace oko::bench
