// Stands for Apple's system: answers sysctlbyname() from the environment, and prints what simd.cpp,
// compiled as for Apple, makes of it.
#include <sys/sysctl.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "oko/base/simd.h"

extern "C" int sysctlbyname(const char* name, void* value, std::size_t* size, void*, std::size_t) {
  const char* known = std::getenv("FEATURES");  // "NAME=1 NAME=0"
  const std::size_t length = std::strlen(name);
  while (known != nullptr && (std::strncmp(known, name, length) != 0 || known[length] != '=')) {
    known = std::strchr(known, ' ');
    if (known != nullptr) ++known;
  }
  if (known == nullptr) {
    errno = ENOENT;
    return -1;
  }
  const int answer = std::atoi(known + length + 1);
  if (*size < sizeof answer) return -1;
  std::memcpy(value, &answer, sizeof answer);
  *size = sizeof answer;
  return 0;
}

int main() {
  for (const oko::SimdTarget target : oko::simd_targets()) std::printf("%s ", name_of(target));
  std::printf("\n");
}
