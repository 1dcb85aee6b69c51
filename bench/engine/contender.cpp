#include "contender.h"

#include <cstdio>
#include <ctime>
#include <iostream>
#include <sstream>

#include "memory.h"
#include "oko/base/error.h"
#include "oko/storage/store.h"

namespace oko::bench {
namespace {

void write_heads(const std::string& file, const std::vector<std::vector<float>>& heads) {
  std::vector<float> all;
  for (const auto& head : heads) all.insert(all.end(), head.begin(), head.end());
  storage::write(file, std::as_bytes(std::span(all)));
}

std::int64_t nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void answer(Contender& contender, int runs) {
  contender.run();
  std::ostringstream times;
  for (int i = 0; i < runs; ++i) {
    const std::int64_t start = nanoseconds(CLOCK_MONOTONIC);
    const std::int64_t processor_start = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    contender.run();
    const std::int64_t processor_end = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    times << nanoseconds(CLOCK_MONOTONIC) - start << ' ' << processor_end - processor_start << ' ';
  }
  std::cout << times.str() << std::endl;
}

}  // namespace

int serve(int argc, char** argv,
          const std::function<std::unique_ptr<Contender>(const Job&)>& open) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s FOLDER PRECISION THREADS HEADS_FILE\n", argv[0]);
    return 2;
  }
  try {
    const Job job = read_job(argv[1], argv[2], std::stoi(argv[3]));
    const long before = peak_kilobytes("self");
    const std::unique_ptr<Contender> contender = open(job);
    contender->run();
    write_heads(argv[4], contender->heads());
    std::cout << "ready " << before << std::endl;
    std::string command;
    for (int runs = 0; std::cin >> command >> runs;) answer(*contender, runs);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", argv[0], e.what());
    return 1;
  }
}

}  // namespace oko::bench
