#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace oko {

// How library code reports the progress of long work. Only cli prints: a bar on a terminal and
// plain lines elsewhere. Called from one thread at a time.
class Progress {
 public:
  virtual ~Progress() = default;
  // Starts work of `total` units (0: unknown), for example begin("checking", 364, "images").
  virtual void begin(std::string_view what, std::uint64_t total, std::string_view unit) = 0;
  virtual void advance(std::uint64_t count = 1) = 0;
  // A short live remark beside the bar ("loss 3.21, 12 % waiting").
  virtual void note(std::string_view text) = 0;
  virtual void end() = 0;
  // A permanent line: a warning, a checkpoint written.
  virtual void line(std::string_view text) = 0;
};

// Discards everything.
class NoProgress final : public Progress {
 public:
  void begin(std::string_view, std::uint64_t, std::string_view) override {}
  void advance(std::uint64_t) override {}
  void note(std::string_view) override {}
  void end() override {}
  void line(std::string_view) override {}
};

}  // namespace oko
