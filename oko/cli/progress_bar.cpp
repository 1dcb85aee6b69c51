#include "oko/cli/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "oko/base/text.h"
#include "oko/cli/table.h"

namespace oko::cli {
namespace {

// Shared by both kinds: how far the work is and how fast it goes.
class Counter {
 public:
  explicit Counter(Clock clock) : clock_(std::move(clock)) {}

  void begin(std::string_view what, std::uint64_t total, std::string_view unit) {
    what_ = printable(what);
    unit_ = unit;
    total_ = total;
    done_ = 0;
    note_.clear();
    start_ = clock_();
  }
  void advance(std::uint64_t count) { done_ += count; }
  void note(std::string_view text) { note_ = printable(text); }

  double now() const { return clock_(); }
  double elapsed() const { return clock_() - start_; }
  bool in_bytes() const { return unit_ == "bytes"; }
  // "41 images", "33.8 MiB"
  std::string amount(double count) const {
    if (in_bytes()) return bytes_text(count);
    const std::string text = fmt::format("{:.0f}", count);
    return text + " " + (text == "1" ? singular(unit_) : unit_);
  }
  double part() const {
    return total_ == 0 ? 0
                       : std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
  }
  bool has_total() const { return total_ > 0; }
  const std::string& what() const { return what_; }
  std::string count_text() const {
    if (total_ == 0) return amount(static_cast<double>(done_));
    return in_bytes()
               ? amount(static_cast<double>(done_)) + "/" + amount(static_cast<double>(total_))
               : fmt::format("{}/{} {}", done_, total_, unit_);
  }
  // "41/s  3 s left  loss 3.2"; empty in the first moments, when a rate would be a guess.
  std::string pace_text() const {
    std::string text;
    const double seconds = elapsed();
    if (done_ > 0 && seconds > .2) {
      const double rate = static_cast<double>(done_) / seconds;
      text = in_bytes()   ? "  " + amount(rate) + "/s"
             : rate >= 10 ? fmt::format("  {:.0f}/s", rate)
                          : fmt::format("  {:.2g}/s", rate);
      if (total_ > done_) {
        text += "  " + duration_text(static_cast<double>(total_ - done_) / rate) + " left";
      }
    }
    if (!note_.empty()) text += "  " + note_;
    return text;
  }
  std::string summary() const {
    return fmt::format("{}: {} in {}", what_, amount(static_cast<double>(done_)),
                       duration_text(elapsed()));
  }

 private:
  Clock clock_;
  std::string what_, unit_, note_;
  std::uint64_t total_ = 0, done_ = 0;
  double start_ = 0;
};

// The first `columns` characters of UTF-8 text, each counted as one column.
std::string fitted(const std::string& text, int columns) {
  int used = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts_character = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (starts_character && used++ == columns) return text.substr(0, i);
  }
  return text;
}

class TerminalProgress final : public Progress {
 public:
  TerminalProgress(std::ostream& out, std::function<int()> columns, Clock clock)
      : out_(out), columns_(std::move(columns)), counter_(std::move(clock)) {}
  ~TerminalProgress() override { erase(); }

  void begin(std::string_view what, std::uint64_t total, std::string_view unit) override {
    counter_.begin(what, total, unit);
    active_ = true;
    draw();
  }
  void advance(std::uint64_t count) override {
    counter_.advance(count);
    draw_sometimes();
  }
  void note(std::string_view text) override {
    counter_.note(text);
    draw_sometimes();
  }
  void end() override {
    erase();
    if (active_) out_ << counter_.summary() << '\n' << std::flush;
    active_ = false;
  }
  void line(std::string_view text) override {
    erase();
    out_ << printable(text) << '\n' << std::flush;
    if (active_) draw();
  }

 private:
  void draw_sometimes() {
    constexpr double kRedrawSeconds = .1;
    if (active_ && counter_.now() - drawn_ >= kRedrawSeconds) draw();
  }
  void draw() {
    constexpr int kBarWidth = 24;
    std::string text = counter_.what() + "  ";
    if (counter_.has_total()) {
      const int filled = static_cast<int>(counter_.part() * kBarWidth);
      text += '[' + std::string(static_cast<std::size_t>(filled), '=') +
              (filled < kBarWidth ? ">" : "") +
              std::string(static_cast<std::size_t>(std::max(0, kBarWidth - filled - 1)), ' ') +
              fmt::format("] {:3.0f} %  ", 100 * counter_.part());
    }
    text += counter_.count_text() + counter_.pace_text();
    // The last column stays empty: some terminals wrap when it is written.
    out_ << '\r' << fitted(text, std::max(20, columns_()) - 1) << "\x1b[K" << std::flush;
    shown_ = true;
    drawn_ = counter_.now();
  }
  void erase() {
    if (shown_) out_ << "\r\x1b[K" << std::flush;
    shown_ = false;
  }

  std::ostream& out_;
  std::function<int()> columns_;
  Counter counter_;
  bool active_ = false, shown_ = false;
  double drawn_ = 0;
};

class LineProgress final : public Progress {
 public:
  LineProgress(std::ostream& out, double interval, Clock clock)
      : out_(out), interval_(interval), counter_(std::move(clock)) {}

  void begin(std::string_view what, std::uint64_t total, std::string_view unit) override {
    counter_.begin(what, total, unit);
    active_ = true;
    written_ = counter_.now();
  }
  void advance(std::uint64_t count) override {
    counter_.advance(count);
    if (active_ && counter_.now() - written_ >= interval_) write();
  }
  void note(std::string_view text) override { counter_.note(text); }
  void end() override {
    if (active_) out_ << counter_.summary() << '\n' << std::flush;
    active_ = false;
  }
  void line(std::string_view text) override { out_ << printable(text) << '\n' << std::flush; }

 private:
  void write() {
    out_ << counter_.what() << ": " << counter_.count_text() << counter_.pace_text() << '\n'
         << std::flush;
    written_ = counter_.now();
  }

  std::ostream& out_;
  double interval_;
  Counter counter_;
  bool active_ = false;
  double written_ = 0;
};

}  // namespace

Clock steady_clock() {
  return [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
}

std::string duration_text(double seconds) {
  if (seconds < 9.95) return fmt::format("{:.1f} s", std::max(0.0, seconds));
  const auto whole = static_cast<long long>(std::min(seconds, 1e15) + .5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::unique_ptr<Progress> make_terminal_progress(std::ostream& out, std::function<int()> columns,
                                                 Clock clock) {
  return std::make_unique<TerminalProgress>(out, std::move(columns), std::move(clock));
}

std::unique_ptr<Progress> make_line_progress(std::ostream& out, double interval, Clock clock) {
  return std::make_unique<LineProgress>(out, interval, std::move(clock));
}

}  // namespace oko::cli
