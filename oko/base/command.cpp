#include "oko/base/command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/spawn.h"

namespace oko {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMostErrors = std::size_t{16} << 10;

[[noreturn]] void refuse(const std::string& program, int error) {
  throw Error(ErrorCode::kFailed, program,
              std::string("cannot start (") + std::strerror(error) + ")");
}

// A connected pair: this process's end, which never blocks, and the child's. Sockets, because
// writing to a closed one raises no SIGPIPE here.
std::pair<Descriptor, Descriptor> make_pair_of_ends(const std::string& program) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    refuse(program, errno);
  }
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

int exit_code(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

class Run {
 public:
  explicit Run(const Command& command) : command_(command) { start(); }
  ~Run() {
    if (id_ <= 0) return;
    ::kill(id_, SIGKILL);
    reap(0);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  CommandResult finish() {
    if (!command_.input) input_.close();
    while (id_ > 0 && (output_.open() || errors_.open() || input_.open())) {
      const bool moved = exchange();
      if (moved) last_ = Clock::now();
      if (!moved && reap(WNOHANG)) break;
      if (stalled()) return result_;
      if (command_.stop && command_.stop()) {
        throw Error(ErrorCode::kInterrupted, command_.words.front(), "interrupted");
      }
    }
    if (id_ > 0) reap(0);
    // What it wrote just before it ended.
    while (read(output_, false) || read(errors_, true)) {
    }
    return result_;
  }

 private:
  void start() {
    const std::string& program = command_.words.front();
    auto [input, child_input] = make_pair_of_ends(program);
    auto [output, child_output] = make_pair_of_ends(program);
    auto [errors, child_errors] = make_pair_of_ends(program);
    const std::vector<std::string> environment = environment_with(command_.environment);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, child_output.number(), STDOUT_FILENO);
    if (!command_.terminal) {
      posix_spawn_file_actions_adddup2(&actions, child_input.number(), STDIN_FILENO);
      posix_spawn_file_actions_adddup2(&actions, child_errors.number(), STDERR_FILENO);
    }
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);  // which the command line ignores
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    // A group of its own, so that ^C reaches only this process, which then ends what it runs.
    short flags = POSIX_SPAWN_SETSIGDEF;
    if (!command_.terminal) flags |= POSIX_SPAWN_SETPGROUP;
    posix_spawnattr_setflags(&attributes, flags);
    const int failed =
        posix_spawnp(&id_, program.c_str(), &actions, &attributes,
                     pointers_to(command_.words).data(), pointers_to(environment).data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) id_ = -1;
    if (failed == ENOENT) {
      result_.code = 127;
      result_.missing = true;
      result_.errors = program + ": not found";
    } else if (failed != 0) {
      refuse(program, failed);
    }
    input_ = std::move(input);
    output_ = std::move(output);
    errors_ = std::move(errors);
  }

  // Moves what can be moved within 100 ms; false if nothing could.
  bool exchange() {
    if (input_.open() && piece_.empty()) {
      piece_ = command_.input();
      if (piece_.empty()) input_.close();
    }
    std::array<pollfd, 3> waits = {pollfd{output_.number(), POLLIN, 0},
                                   pollfd{errors_.number(), POLLIN, 0},
                                   pollfd{input_.number(), POLLOUT, 0}};
    if (::poll(waits.data(), waits.size(), 100) <= 0) return false;
    bool moved = waits[0].revents != 0 && read(output_, false);
    moved = (waits[1].revents != 0 && read(errors_, true)) || moved;
    return (waits[2].revents != 0 && write()) || moved;
  }

  bool read(Descriptor& from, bool is_errors) {
    if (!from.open()) return false;
    const ssize_t count = ::read(from.number(), buffer_.data(), buffer_.size());
    if (count <= 0) {
      if (count == 0 || (errno != EAGAIN && errno != EINTR)) from.close();
      return false;
    }
    const std::string_view text(buffer_.data(), static_cast<std::size_t>(count));
    if (is_errors) {
      result_.errors.append(text);
      if (result_.errors.size() > kMostErrors) {
        result_.errors.erase(0, result_.errors.size() - kMostErrors);
      }
    } else if (command_.output) {
      command_.output(text);
    }
    return true;
  }

  bool write() {
    const ssize_t count = ::send(input_.number(), piece_.data(), piece_.size(), MSG_NOSIGNAL);
    if (count > 0) {
      piece_.remove_prefix(static_cast<std::size_t>(count));
      return true;
    }
    if (errno != EAGAIN && errno != EINTR) input_.close();  // it does not want any more
    return false;
  }

  // True once it has ended.
  bool reap(int options) {
    int status = 0;
    pid_t ended = 0;
    do {
      ended = ::waitpid(id_, &status, options);
    } while (ended < 0 && errno == EINTR);
    if (ended != id_) return false;
    id_ = -1;
    result_.code = exit_code(status);
    return true;
  }

  bool stalled() {
    const auto longer = [now = Clock::now()](Clock::time_point since, double seconds) {
      return seconds > 0 && std::chrono::duration<double>(now - since).count() >= seconds;
    };
    if (!longer(last_, command_.stall_seconds) && !longer(begin_, command_.most_seconds)) {
      return false;
    }
    ::kill(id_, SIGKILL);
    reap(0);
    return result_.stalled = true;
  }

  const Command& command_;
  CommandResult result_;
  pid_t id_ = -1;
  Descriptor input_, output_, errors_;
  std::string_view piece_;  // of the input, not yet written
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point last_ = begin_;  // when a byte was last moved
  std::array<char, std::size_t{64} << 10> buffer_{};
};

}  // namespace

CommandResult run_command(const Command& command) { return Run(command).finish(); }

}  // namespace oko
