#include "oko/package/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "oko/base/error.h"

extern char** environ;

namespace oko::package {
namespace {

// A way from one process to another, closed in children that are not given it. Of sockets: writing
// to one that nobody reads is an error, while a pipe would send SIGPIPE.
struct Pipe {
  int from = -1, to = -1;
  Pipe() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      throw Error(ErrorCode::kFailed, "", std::string("no pipe: ") + std::strerror(errno));
    }
    from = ends[0];
    to = ends[1];
  }
  ~Pipe() {
    close_from();
    close_to();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_from() { close(from); }
  void close_to() { close(to); }

 private:
  static void close(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> environment_with(const std::vector<std::string>& changes) {
  std::vector<std::string> all = changes;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('=') + 1);
    bool changed = false;
    for (const std::string& change : changes) changed = changed || change.starts_with(name);
    if (!changed) all.emplace_back(text);
  }
  return all;
}

pid_t spawn(const ProcessRequest& request, const Pipe& input, const Pipe& output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.from, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.to, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;  // ignored signals would be inherited
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> words = request.words;
  std::vector<std::string> environment = environment_with(request.environment);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, words.front().c_str(), &actions, &attributes,
                                   pointers(words).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    throw Error(ErrorCode::kFailed, request.words.front(),
                std::string("cannot be started: ") + std::strerror(error));
  }
  return child;
}

// Kills the child unless it was waited for.
class Child {
 public:
  explicit Child(pid_t id) : id_(id) {}
  ~Child() {
    if (id_ == 0) return;
    ::kill(id_, SIGKILL);
    wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int wait() {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = 0;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t id_;
};

// Writes the input and reads the output at the same time, so that neither blocks the other.
class Conversation {
 public:
  Conversation(const ProcessRequest& request, Pipe& input, Pipe& output)
      : request_(request), input_(input), output_(output), left_(request.input) {
    ::fcntl(input.to, F_SETFL, O_NONBLOCK);
  }

  std::string run() {
    const auto end = std::chrono::steady_clock::now() + request_.timeout;
    for (bool open = true; open;) {
      if (left_.empty()) input_.close_to();
      std::array<pollfd, 2> ends{pollfd{output_.from, POLLIN, 0}, pollfd{input_.to, POLLOUT, 0}};
      const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      const int ready = ::poll(ends.data(), ends.size(), static_cast<int>(time.count()));
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) fail("did not end in time");
      if (ends[1].revents != 0) write_some();
      if (ends[0].revents != 0) open = read_some();
    }
    return std::move(text_);
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw Error(ErrorCode::kFailed, request_.words.front(), what);
  }
  void write_some() {
    const ssize_t n = ::send(input_.to, left_.data(), left_.size(), MSG_NOSIGNAL);
    if (n > 0) left_.remove_prefix(static_cast<std::size_t>(n));
    if (n < 0 && errno != EAGAIN && errno != EINTR) left_ = {};  // it does not want the rest
  }
  bool read_some() {
    std::array<char, 1 << 16> buffer;
    const ssize_t n = ::read(output_.from, buffer.data(), buffer.size());
    if (n < 0) return errno == EINTR;
    text_.append(buffer.data(), static_cast<std::size_t>(n));
    if (text_.size() > request_.most_output) fail("prints too much");
    return n > 0;
  }

  const ProcessRequest& request_;
  Pipe& input_;
  Pipe& output_;
  std::string_view left_;
  std::string text_;
};

}  // namespace

ProcessResult run_process(const ProcessRequest& request) {
  Pipe input, output;
  Child child(spawn(request, input, output));
  input.close_from();
  output.close_to();
  ProcessResult result;
  result.output = Conversation(request, input, output).run();
  result.exit_code = child.wait();
  return result;
}

}  // namespace oko::package
