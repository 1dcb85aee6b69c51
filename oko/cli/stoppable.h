#pragma once

#include <string_view>
#include <thread>

#include "oko/base/progress.h"
#include "oko/cli/interrupt.h"

namespace oko::cli {

// Passes progress on. While one exists, SIGINT or SIGTERM ends the work: requests to buckets and
// registries end with an Error of kInterrupted, and advance() throws one. Temporary files are then
// removed as after any error.
class StoppableProgress final : public Progress {
 public:
  explicit StoppableProgress(Progress& inner);
  ~StoppableProgress() override;

  void begin(std::string_view what, std::uint64_t total, std::string_view unit) override;
  void advance(std::uint64_t count) override;
  void note(std::string_view text) override { inner_.note(text); }
  void end() override { inner_.end(); }
  void line(std::string_view text) override { inner_.line(text); }

  // For work that waits for something else than a bucket or a registry.
  bool interrupted() const { return guard_.interrupted(); }

 private:
  Progress& inner_;
  InterruptGuard guard_;
  std::jthread watch_;
};

}  // namespace oko::cli
