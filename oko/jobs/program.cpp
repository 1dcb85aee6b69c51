#include "oko/jobs/program.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

namespace oko::jobs {

std::string this_program() {
  if (const char* const program = std::getenv("OKO_PROGRAM")) return program;
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

std::string this_host() {
  std::array<char, 256> host{};
  return ::gethostname(host.data(), host.size() - 1) == 0 ? host.data() : "?";
}

}  // namespace oko::jobs
