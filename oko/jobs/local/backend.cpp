#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <vector>

#include "oko/base/spawn.h"
#include "oko/jobs/backend.h"
#include "oko/jobs/process.h"
#include "oko/jobs/program.h"
#include "oko/jobs/registry.h"
#include "oko/jobs/shell.h"
#include "oko/storage/store.h"

// Jobs on this machine: supervisors in sessions of their own, which survive the terminal.
namespace oko::jobs {
namespace {

constexpr std::array kSettings = {
    Setting{"when-done", "COMMAND", "Shell command to run on the worker when the job has ended"}};

// A port for worker 0 that is free now.
int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  const bool bound =
      socket >= 0 && ::bind(socket, plain, size) == 0 && ::getsockname(socket, plain, &size) == 0;
  if (socket >= 0) ::close(socket);
  if (!bound) throw Error(ErrorCode::kFailed, "127.0.0.1", "has no free port");
  return ntohs(address.sin_port);
}

std::vector<std::string> command_of(const Spec& spec, int rank, int port) {
  // Not those of the shell, which may itself be a worker of something.
  std::vector<std::string> words = {"env", "RANK=0", "WORLD_SIZE=1"};
  if (spec.resources.workers > 1) {
    words = {"env",
             "RANK=" + std::to_string(rank),
             "LOCAL_RANK=" + std::to_string(rank),
             "WORLD_SIZE=" + std::to_string(spec.resources.workers),
             "MASTER_ADDR=127.0.0.1",
             "MASTER_PORT=" + std::to_string(port)};
  }
  words.push_back(this_program());
  for (const std::string& word : worker_words(spec)) words.push_back(word);
  return words;
}

// Where the supervisors' own complaints go; what the training prints is in the job's folder.
std::string errors_file(const Spec& spec) {
  return storage::join(registry_folder(spec.id), kSupervisorLog);
}

// Becomes a daemon that runs the supervisor: sends its process id through `link`, and starts the
// program when it is answered; sends the error number if it cannot. Called in a child process:
// everything that allocates was prepared before.
[[noreturn]] void start_detached(char* const* words, int errors, int link) {
  ::setsid();
  const pid_t daemon = ::fork();
  if (daemon != 0) ::_exit(daemon < 0 ? 1 : 0);
  const int nothing = ::open("/dev/null", O_RDWR);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(nothing, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  const pid_t self = ::getpid();
  char go = 0;
  if (::write(link, &self, sizeof self) != sizeof self || ::read(link, &go, 1) != 1) ::_exit(1);
  ::execvp(words[0], words);
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(link, &error, sizeof error);
  ::_exit(127);
}

ProcessIdentity start(const std::vector<std::string>& words, const std::string& errors_file) {
  const std::vector<char*> pointers = pointers_to(words);
  const Descriptor errors(
      ::open(errors_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (errors.number() < 0) throw Error(ErrorCode::kStorage, errors_file, std::strerror(errno));
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw Error(ErrorCode::kFailed, words[0], std::strerror(errno));
  }
  const Descriptor link(ends[0]);
  Descriptor other(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) start_detached(pointers.data(), errors.number(), other.number());
  other.close();
  if (child > 0) ::waitpid(child, nullptr, 0);
  pid_t daemon = 0;
  std::optional<ProcessIdentity> identity;
  if (child > 0 && ::read(link.number(), &daemon, sizeof daemon) == sizeof daemon) {
    identity = process_on_this_machine(daemon);  // before it can end
  }
  int error = errno;
  const bool started = identity && ::write(link.number(), "g", 1) == 1 &&
                       ::read(link.number(), &error, sizeof error) == 0;  // closed by exec
  if (started) return *identity;
  throw Error(ErrorCode::kFailed, words[0],
              std::string("cannot start the supervisor (") + std::strerror(error) + ")");
}

void end(const ProcessIdentity& process) {
  if (is_alive(process)) ::kill(static_cast<pid_t>(process.id), SIGTERM);
}

std::vector<ProcessIdentity> processes_of(const Json& engine) {
  std::vector<ProcessIdentity> all;
  const Json list = json_get<Json>(engine, "processes", std::string(kEngineFile));
  for (const Json& one : list) all.push_back(process_from_json(one, std::string(kEngineFile)));
  return all;
}

bool is_of_this_machine(const Json& engine) {
  return json_get<std::string>(engine, "host", std::string(kEngineFile)) == this_host();
}

class Local final : public Backend {
 public:
  std::string_view name() const override { return "local"; }
  std::string_view about() const override { return "this machine"; }
  std::span<const Setting> settings() const override { return kSettings; }
  bool sees_this_disk(const Spec&) const override { return true; }
  bool rents() const override { return false; }
  std::string default_folder(const Spec& spec, const std::string& registry) const override {
    return storage::join(registry, spec.id);
  }

  void check(const Spec& spec) const override {
    refuse_what_has_no_effect(spec, {"--spot", "--machine", "--region", "--gpu-type", "--gpus"});
  }

  std::string preview(const Spec& spec) const override {
    std::string text = "# on this machine, in a session of its own\n";
    for (int rank = 0; rank < spec.resources.workers; ++rank) {
      text += shell_command(command_of(spec, rank, 29500)) + "\n";
    }
    return text;
  }

  Json submit(const Spec& spec, Folder&, Progress&) const override {
    const int port = spec.resources.workers > 1 ? free_port() : 0;
    Json processes = Json::array();
    try {
      for (int rank = 0; rank < spec.resources.workers; ++rank) {
        processes.push_back(to_json(start(command_of(spec, rank, port), errors_file(spec))));
      }
    } catch (...) {
      for (const Json& one : processes) end(process_from_json(one, std::string(kEngineFile)));
      throw;
    }
    return {{"host", this_host()}, {"processes", std::move(processes)}};
  }

  Observation observe(const Spec&, const Json& engine) const override {
    if (!is_of_this_machine(engine)) {
      return {.phase = Observation::Phase::kUnreachable,
              .reason = "it was submitted on the machine " +
                        json_get<std::string>(engine, "host", std::string(kEngineFile))};
    }
    const std::vector<ProcessIdentity> processes = processes_of(engine);
    if (std::ranges::none_of(processes, is_alive)) return {.phase = Observation::Phase::kEnded};
    return {.phase = Observation::Phase::kRunning, .first_ended = !is_alive(processes.front())};
  }

  void cancel(const Spec& spec, const Json& engine) const override {
    if (!is_of_this_machine(engine)) {
      throw Error(ErrorCode::kFailed, spec.id, "runs on another machine",
                  "it sees the wish in its folder and ends by itself, if it reaches the folder");
    }
    for (const ProcessIdentity& process : processes_of(engine)) end(process);
  }

  std::string engine_log(const Spec& spec, const Json&, int lines) const override {
    const auto folder = open_folder(storage::parent(errors_file(spec)));
    return last_lines(*folder, storage::filename(errors_file(spec)), lines);
  }
};

}  // namespace

const Backend& local_backend() {
  static const Local backend;
  return backend;
}

}  // namespace oko::jobs
