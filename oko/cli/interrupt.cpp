#include "oko/cli/interrupt.h"

#include <csignal>

namespace oko::cli {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

extern "C" void note_signal(int signal) {
  g_interrupted = 1;
  std::signal(signal, SIG_DFL);
}

}  // namespace

InterruptGuard::InterruptGuard() { rearm(); }

void InterruptGuard::rearm() {
  g_interrupted = 0;
  std::signal(SIGINT, note_signal);
  std::signal(SIGTERM, note_signal);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool InterruptGuard::interrupted() const { return g_interrupted != 0; }

}  // namespace oko::cli
