#include "oko/cli/standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/spawn.h"

namespace oko::cli {
namespace {

std::size_t columns_of(int file) {
  constexpr std::size_t kUsual = 80;  // of a terminal that does not say
  if (::isatty(file) != 1) return 0;
  winsize size{};
  return ::ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

}  // namespace

std::size_t output_columns() { return columns_of(STDOUT_FILENO); }
std::size_t error_columns() { return columns_of(STDERR_FILENO); }

bool write_output(std::span<const std::byte> content) {
  std::cout.flush();
  while (!content.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EPIPE) return false;
    if (n < 0) {
      throw Error(ErrorCode::kStorage, "standard output",
                  std::string("cannot write: ") + std::strerror(errno));
    }
    content = content.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

bool is_reader_gone() {
  ::pollfd output{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

void read_input(const std::function<void(std::span<const std::byte>)>& take) {
  std::vector<std::byte> piece(1 << 16);
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      throw Error(ErrorCode::kStorage, "standard input",
                  std::string("cannot read: ") + std::strerror(errno));
    }
    if (n == 0) return;
    take(std::span(piece).first(static_cast<std::size_t>(n)));
  }
}

bool is_confirmed(const std::string& question) {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDERR_FILENO) != 1) return false;
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

std::optional<std::string> ask_secret(const std::string& question) {
  // Not standard input, which may be a pipe.
  const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  termios shown{};
  if (!terminal.open() || ::tcgetattr(terminal.number(), &shown) != 0) return std::nullopt;
  termios hidden = shown;
  // Keys one by one, also ^C: otherwise it would end the program with the terminal hidden.
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
  ::tcsetattr(terminal.number(), TCSAFLUSH, &hidden);
  constexpr char kInterrupt = 3, kEnd = 4, kBackspace = 8, kEraseAll = 21, kDelete = 127;
  std::string answer;
  char c = 0;
  if (::write(terminal.number(), question.data(), question.size()) >= 0) {
    while (::read(terminal.number(), &c, 1) == 1 && c != '\n' && c != kInterrupt && c != kEnd) {
      if (c == kBackspace || c == kDelete) {
        while (!answer.empty() && (answer.back() & 0xc0) == 0x80) answer.pop_back();  // UTF-8
        if (!answer.empty()) answer.pop_back();
      } else if (c == kEraseAll) {
        answer.clear();
      } else {
        answer += c;
      }
    }
  }
  ::tcsetattr(terminal.number(), TCSAFLUSH, &shown);
  const bool is_shown = ::write(terminal.number(), "\n", 1) == 1;
  if (c == kInterrupt) std::raise(SIGINT);
  if (c != '\n' || !is_shown) return std::nullopt;
  return answer;
}

}  // namespace oko::cli
