#include "process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "memory.h"
#include "oko/base/error.h"

extern char** environ;

namespace oko::bench {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& message) {
  throw Error(ErrorCode::kFailed, name, message);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

Process::Process(const std::vector<std::string>& command,
                 const std::map<std::string, std::string>& environment)
    : name_(command.front()) {
  std::signal(SIGPIPE, SIG_IGN);  // write() reports a contender that has ended
  std::vector<std::string> arguments = command, variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (!environment.contains(text.substr(0, text.find('=')))) variables.push_back(text);
  }
  for (const auto& [key, value] : environment) variables.push_back(key + "=" + value);

  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
    fail(name_, std::string("no pipe: ") + std::strerror(errno));
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
  const int error = posix_spawnp(&id_, name_.c_str(), &actions, nullptr, pointers(arguments).data(),
                                 pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  close(to[0]);
  close(from[1]);
  input_ = to[1];
  output_ = from[0];
  if (error != 0) {
    close(input_);
    close(output_);
    fail(name_, std::string("cannot start: ") + std::strerror(error));
  }
}

Process::~Process() {
  close(input_);  // makes it exit
  close(output_);
  waitpid(id_, nullptr, 0);
}

void Process::write_line(const std::string& line) {
  const std::string text = line + "\n";
  if (write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    fail(name_, "has ended");
  }
}

std::string Process::read_line() {
  std::string line;
  for (char c = 0; read(output_, &c, 1) == 1;) {
    if (c == '\n') return line;
    line += c;
  }
  fail(name_, "has ended (see its message above)");
}

long Process::peak_kilobytes() const { return bench::peak_kilobytes(std::to_string(id_)); }

}  // namespace oko::bench
