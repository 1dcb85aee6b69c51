#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "tests/storage/fault_proxy.h"

// Runs the proxy until SIGINT or SIGTERM. Its first line of output is the port; the others, at the
// end, are the numbers of injected faults.
int main(int argc, char** argv) {
  oko::testing::FaultOptions options;
  std::string faults;
  CLI::App app("A fault-injecting proxy on 127.0.0.1");
  app.add_option("--to", options.to, "Port of the server behind it")->required();
  app.add_option("--port", options.port, "0: any free one");
  app.add_option("--seed", options.seed, "Random seed of the faults");
  app.add_option("--chance", options.chance, "Probability of a fault per request");
  app.add_option("--faults", faults,
                 "Any of 429,503,lost,cut-request,cut-reply,stall,flip-request,flip-reply,twice,"
                 "duplicate,401; all by default");
  app.add_option("--stall", options.stall_seconds, "Stall duration in seconds");
  app.add_option("--retry-after", options.retry_after, "Retry-After of a 429, in seconds");
  CLI11_PARSE(app, argc, argv);
  options.faults = oko::testing::faults_named(faults);
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);  // before threads are made, which inherit it
  const oko::testing::FaultProxy proxy(options);
  std::cout << proxy.port() << std::endl;
  int caught = 0;
  sigwait(&ending, &caught);
  for (const auto& [name, count] : proxy.counts()) std::cout << name << ' ' << count << '\n';
}
