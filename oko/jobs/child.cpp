#include "oko/jobs/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "oko/base/error.h"
#include "oko/base/spawn.h"

namespace oko::jobs {
namespace {

// What runs between fork and exec: only async-signal-safe calls. Returns if it fails, with errno.
void become(const ChildOptions& options, pid_t parent, int output, char* const* words,
            char* const* environment) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);  // it died before the call above
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) ::signal(number, SIG_DFL);
  if (!options.directory.empty() && ::chdir(options.directory.c_str()) != 0) return;
  ::execve(options.program.c_str(), words, environment);
}

[[noreturn]] void refuse(const std::string& program, int error) {
  throw Error(ErrorCode::kFailed, program,
              std::string("cannot start (") + std::strerror(error) + ")");
}

}  // namespace

Child::Child(const ChildOptions& options) {
  std::error_code unknown;
  if (!options.directory.empty() && !std::filesystem::is_directory(options.directory, unknown)) {
    throw Error(ErrorCode::kInput, options.directory,
                "does not exist; the job was submitted there, and its paths begin there",
                "create it again, or submit the job anew");
  }
  std::vector<std::string> words = options.words;
  words.insert(words.begin(), options.program);
  const std::vector<std::string> environment = environment_with(options.set, options.unset);
  const std::vector<char*> word_pointers = pointers_to(words), variables = pointers_to(environment);
  std::array<int, 2> output{}, failure{};
  if (::pipe2(output.data(), O_CLOEXEC) != 0) refuse(options.program, errno);
  if (::pipe2(failure.data(), O_CLOEXEC) != 0) {
    ::close(output[0]);
    ::close(output[1]);
    refuse(options.program, errno);
  }
  const pid_t parent = ::getpid();
  id_ = ::fork();
  if (id_ == 0) {
    become(options, parent, output[1], word_pointers.data(), variables.data());
    const int error = errno;
    [[maybe_unused]] const auto written = ::write(failure[1], &error, sizeof error);
    ::_exit(127);
  }
  const int fork_error = errno;
  ::close(output[1]);
  ::close(failure[1]);
  output_ = output[0];
  int error = fork_error;
  const bool failed = id_ < 0 || ::read(failure[0], &error, sizeof error) == sizeof error;
  ::close(failure[0]);
  if (!failed) return;
  ::close(output_);
  if (id_ > 0) ::waitpid(id_, nullptr, 0);
  refuse(options.program, error);
}

Child::~Child() {
  if (!ending_) {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }
  if (output_ >= 0) ::close(output_);
}

std::string Child::read(int milliseconds) {
  if (output_ < 0) {
    ::poll(nullptr, 0, milliseconds);
    return {};
  }
  pollfd wait{output_, POLLIN, 0};
  if (::poll(&wait, 1, milliseconds) <= 0) return {};
  std::array<char, 16384> buffer{};
  const ssize_t count = ::read(output_, buffer.data(), buffer.size());
  if (count > 0) return std::string(buffer.data(), static_cast<std::size_t>(count));
  if (count < 0 && errno == EINTR) return {};
  ::close(output_);
  output_ = -1;
  return {};
}

std::optional<Ending> Child::ended() {
  if (ending_) return ending_;
  int status = 0;
  if (::waitpid(id_, &status, WNOHANG) != id_) return std::nullopt;
  ending_ = WIFSIGNALED(status) ? Ending{0, WTERMSIG(status)} : Ending{WEXITSTATUS(status), 0};
  return ending_;
}

void Child::signal(int number) const {
  if (!ending_) ::kill(id_, number);
}

}  // namespace oko::jobs
