#include "oko/cli/interrupt.h"

#include <csignal>
#include <cstdlib>

namespace oko::cli {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;
// The supervisor of a job and its engine may both send the signal; the supervisor itself ends a
// process that takes too long.
volatile std::sig_atomic_t g_supervised = 0;

extern "C" void note_signal(int signal) {
  g_interrupted = 1;
  if (g_supervised == 0) std::signal(signal, SIG_DFL);
}

}  // namespace

InterruptGuard::InterruptGuard() { rearm(); }

void InterruptGuard::rearm() {
  g_interrupted = 0;
  g_supervised = std::getenv("OKO_JOB") != nullptr ? 1 : 0;
  std::signal(SIGINT, note_signal);
  std::signal(SIGTERM, note_signal);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool InterruptGuard::interrupted() const { return g_interrupted != 0; }

}  // namespace oko::cli
