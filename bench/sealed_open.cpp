// How long the phone library takes to open a sealed model, and the same model plain, in turns.
//   oko_bench_sealed_open MODEL.oko MODEL.oko.sealed SIGNER IDENTITY [ROUNDS]
// SIGNER is the public key "RW…", IDENTITY the secret key "AGE-SECRET-KEY-1…".
#include <time.h>

#include <oko/oko.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

double milliseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

struct Times {
  std::vector<double> wall, processor;
};

template <typename Open>
void measure(const Open& open, Times& times) {
  const double wall = milliseconds(CLOCK_MONOTONIC);
  const double processor = milliseconds(CLOCK_PROCESS_CPUTIME_ID);
  const auto model = open();
  times.wall.push_back(milliseconds(CLOCK_MONOTONIC) - wall);
  times.processor.push_back(milliseconds(CLOCK_PROCESS_CPUTIME_ID) - processor);
  if (!model) {
    std::fprintf(stderr, "%s\n", model.error().text.c_str());
    std::exit(1);
  }
}

void show(const char* name, Times& times) {
  for (auto* values : {&times.wall, &times.processor}) std::sort(values->begin(), values->end());
  const std::size_t middle = times.wall.size() / 2;
  std::printf("%-7s fastest %7.1f ms, median %7.1f ms; processor %7.1f and %7.1f ms\n", name,
              times.wall.front(), times.wall[middle], times.processor.front(),
              times.processor[middle]);
}

}  // namespace

int main(int count, char** words) {
  if (count < 5) {
    std::fprintf(stderr, "usage: %s MODEL.oko MODEL.oko.sealed SIGNER IDENTITY [ROUNDS]\n",
                 words[0]);
    return 2;
  }
  oko::phone::SealOptions seal;
  seal.signer = words[3];
  seal.identity = words[4];
  Times plain, sealed;
  for (int i = count > 5 ? std::atoi(words[5]) : 15; i > 0; --i) {
    measure([&] { return oko::phone::Model::open(words[1]); }, plain);
    measure([&] { return oko::phone::Model::open_sealed(words[2], seal); }, sealed);
  }
  show("plain", plain);
  show("sealed", sealed);
}
