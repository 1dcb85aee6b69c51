#include "oko/jobs/backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <mutex>
#include <optional>

#include "oko/base/hash.h"
#include "oko/base/threads.h"
#include "oko/jobs/process.h"
#include "oko/jobs/shell.h"
#include "oko/jobs/ssh/connection.h"
#include "oko/jobs/ssh/folder.h"
#include "oko/jobs/ssh/install.h"
#include "oko/jobs/ssh/machine.h"
#include "oko/jobs/ssh/place.h"
#include "oko/jobs/ssh/tar_stream.h"
#include "oko/jobs/ssh/worker.h"
#include "oko/storage/store.h"

// Jobs on machines that are reached by SSH: supervisors in sessions of their own on each host.
namespace oko::jobs::ssh {
namespace {

constexpr std::array kSettings = {
    Setting{"hosts", "A,B", "Machines to use, one per worker, as ssh takes them: user@host:port",
            true},
    Setting{"identity", "FILE", "Private key to log in with (default: ssh's own choice)"},
    Setting{"remote-folder", "FOLDER", "Folder for oko on the hosts (default: .oko)"},
    Setting{"program", "PATH", "Path of oko on the hosts, instead of copying this one there"},
    Setting{"master-address", "HOST", "Address of the first host as the others reach it"},
    Setting{"when-done", "COMMAND", "Shell command to run on the worker when the job has ended"}};

// What a job needs on a host besides its inputs: checkpoints, models and logs; and oko itself, with
// its libraries, packed and unpacked.
constexpr std::uint64_t kRoomForRun = 200'000'000, kRoomForOko = 1'000'000'000;
constexpr int kFirstPort = 29500, kPorts = 500;  // docs/jobs.md names them, for firewalls

// Jobs of different ids can share hosts.
int port_of(const Spec& spec) {
  Hash hash;
  hash.add(std::as_bytes(std::span(spec.id)));
  return kFirstPort + static_cast<int>(hash.value() % kPorts);
}

// The hosts of a job, each with the ranks of its workers.
class Hosts {
 public:
  struct One {
    Connection connection;
    std::vector<int> ranks;
  };

  explicit Hosts(const Spec& spec) : workers_(parse_hosts(spec.setting("hosts"))) {
    for (std::size_t rank = 0; rank < workers_.size(); ++rank) {
      const auto known = std::ranges::find_if(
          all_, [&](const One& one) { return one.connection.host() == workers_[rank]; });
      if (known != all_.end()) {
        known->ranks.push_back(static_cast<int>(rank));
      } else {
        all_.push_back(
            {Connection(workers_[rank], spec.setting("identity")), {static_cast<int>(rank)}});
      }
    }
  }

  const std::vector<Host>& of_workers() const { return workers_; }
  const std::vector<One>& all() const { return all_; }

  // Calls body(host, index) for all hosts at once; the first error is thrown once all are done.
  template <typename Body>
  void each(const Body& body) const {
    ThreadPool pool(static_cast<int>(std::min<std::size_t>(all_.size(), 16)));
    std::mutex mutex;
    std::optional<Error> first;
    pool.parallel_for(all_.size(), [&](std::size_t i) {
      try {
        body(all_[i], i);
      } catch (const Error& error) {
        const std::lock_guard lock(mutex);
        if (!first) first = error;
      }
    });
    if (first) throw *first;
  }

 private:
  std::vector<Host> workers_;
  std::vector<One> all_;
};

std::string master_address(const Spec& spec, const Hosts& hosts) {
  if (const std::string given = spec.setting("master-address"); !given.empty()) return given;
  return hosts.all().size() == 1 ? "127.0.0.1" : hosts.all().front().connection.address();
}

Worker worker_of(const Spec& spec, const Hosts& hosts, const Hosts::One& host, int rank,
                 const std::string& program) {
  Worker worker{rank, folder_on_hosts(spec), {program}, {}};
  for (const std::string& word : worker_words(spec)) worker.words.push_back(word);
  if (hosts.of_workers().size() == 1) return worker;
  const auto local = std::ranges::find(host.ranks, rank) - host.ranks.begin();
  worker.variables = {
      fmt::format("RANK={}", rank), fmt::format("WORLD_SIZE={}", hosts.of_workers().size()),
      fmt::format("LOCAL_RANK={}", local), "MASTER_ADDR=" + master_address(spec, hosts),
      fmt::format("MASTER_PORT={}", port_of(spec))};
  return worker;
}

// The processes of the workers, by rank.
std::vector<ProcessIdentity> processes_of(const Json& engine, const Hosts& hosts) {
  const std::string name(kEngineFile);
  std::vector<ProcessIdentity> processes;
  for (const Json& one : json_get<Json>(engine, "processes", name)) {
    processes.push_back(process_from_json(one, name));
  }
  if (processes.size() != hosts.of_workers().size()) {
    throw input_error(name, fmt::format("has {} processes for {} workers", processes.size(),
                                        hosts.of_workers().size()));
  }
  return processes;
}

std::vector<ProcessIdentity> of_host(const std::vector<ProcessIdentity>& processes,
                                     const Hosts::One& host) {
  std::vector<ProcessIdentity> here;
  for (const int rank : host.ranks) here.push_back(processes[static_cast<std::size_t>(rank)]);
  return here;
}

// After a failed start: the workers that did start would wait for the others, on machines that cost
// money. Does not throw, because there is a better error already.
void stop_all(const Spec& spec, const Hosts& hosts) noexcept try {
  hosts.each([&](const Hosts::One& host, std::size_t) {
    for (const int rank : host.ranks) {
      host.connection.ask(stop_recorded_script(folder_on_hosts(spec), rank));
    }
  });
} catch (const std::exception&) {
}

class Ssh final : public Backend {
 public:
  std::string_view name() const override { return "ssh"; }
  std::string_view about() const override { return "machines that are reached by SSH"; }
  std::span<const Setting> settings() const override { return kSettings; }
  std::string default_folder(const Spec& spec, const std::string&) const override {
    return ssh::default_folder(spec);
  }
  std::unique_ptr<Folder> folder(const Spec& spec) const override {
    if (is_in_bucket(spec)) return open_folder(spec.folder);
    return open_remote_folder(parse_hosts(spec.setting("hosts")), spec.setting("identity"),
                              folder_on_hosts(spec));
  }

  void check(const Spec& spec) const override;
  std::string preview(const Spec& spec) const override;
  Json submit(const Spec& spec, Folder& folder, Progress& progress) const override;
  Observation observe(const Spec& spec, const Json& engine) const override;
  void cancel(const Spec& spec, const Json& engine) const override;
  std::string engine_log(const Spec& spec, const Json& engine, int lines) const override;
};

// What needs no connection.
Hosts checked_hosts(const Spec& spec) {
  refuse_what_has_no_effect(spec, {"--spot", "--machine", "--region"});
  Hosts hosts(spec);
  const auto count = static_cast<int>(hosts.of_workers().size());
  if (count != spec.resources.workers) {
    throw Error(ErrorCode::kUsage, "--hosts",
                fmt::format("lists {} host{} for {} worker{}", count, count == 1 ? "" : "s",
                            spec.resources.workers, spec.resources.workers == 1 ? "" : "s"),
                fmt::format("add --workers {}, or list a host for every worker (the same one again "
                            "for several on one machine)",
                            count));
  }
  check_folder(spec);
  return hosts;
}

void Ssh::check(const Spec& spec) const {
  const Hosts hosts = checked_hosts(spec);
  const std::string program = spec.setting("program");
  Needs needs;
  needs.bytes = kRoomForRun + (program.empty() ? kRoomForOko : 0);
  if (!is_in_bucket(spec)) {
    for (const Input& input : spec.inputs) {
      // Of a job that is started again they are on the hosts, and no longer needed here.
      if (storage::exists(input.from)) needs.bytes += bytes_of(input.from);
    }
  }
  needs.same_processor = program.empty();
  needs.gpu_type = spec.resources.gpu_type;
  hosts.each([&](const Hosts::One& host, std::size_t) {
    Needs here = needs;
    here.gpus = spec.resources.gpus * static_cast<int>(host.ranks.size());
    const std::string name = host.connection.host().text();
    const std::string answer = host.connection.ask(machine_script(folder_on_hosts(spec)));
    check_machine(parse_machine(answer, name), name, here);
    if (!program.empty()) check_program(host.connection, program);
  });
}

std::string Ssh::preview(const Spec& spec) const {
  const Hosts hosts = checked_hosts(spec);
  const std::string program = program_on_hosts(spec.setting("program"), remote_folder(spec));
  std::string text;
  for (const Hosts::One& host : hosts.all()) {
    for (const int rank : host.ranks) {
      text += fmt::format("# worker {} on {}\n", rank, host.connection.host().text());
      text += host.connection.preview(start_script(worker_of(spec, hosts, host, rank, program)));
    }
  }
  return text;
}

Json Ssh::submit(const Spec& spec, Folder&, Progress& progress) const {
  const Hosts hosts = checked_hosts(spec);
  std::vector<Connection> connections;
  for (const Hosts::One& host : hosts.all()) connections.push_back(host.connection);
  const std::string program =
      install_program(connections, spec.setting("program"), remote_folder(spec), progress);
  std::vector<ProcessIdentity> processes(hosts.of_workers().size());
  try {
    hosts.each([&](const Hosts::One& host, std::size_t) {
      for (const int rank : host.ranks) {
        const std::string script = start_script(worker_of(spec, hosts, host, rank, program));
        processes[static_cast<std::size_t>(rank)] =
            parse_started(host.connection.ask(script), host.connection.host().text());
      }
    });
  } catch (const Error&) {
    stop_all(spec, hosts);
    throw;
  }
  Json list = Json::array();
  for (const ProcessIdentity& process : processes) list.push_back(to_json(process));
  return {{"processes", std::move(list)}};
}

Observation Ssh::observe(const Spec& spec, const Json& engine) const {
  const Hosts hosts(spec);
  const std::vector<ProcessIdentity> processes = processes_of(engine, hosts);
  std::vector<std::string> ended(processes.size());  // why, by rank; empty: it runs
  try {
    hosts.each([&](const Hosts::One& host, std::size_t) {
      const std::string name = host.connection.host().text();
      const auto here = of_host(processes, host);
      const Alive answer = parse_alive(host.connection.ask(alive_script(here)), here, name);
      for (std::size_t i = 0; i < here.size(); ++i) {
        if (answer.alive[i]) continue;
        ended[static_cast<std::size_t>(host.ranks[i])] =
            answer.same_boot ? fmt::format("no supervisor runs on {}", name)
                             : fmt::format("{} was restarted", name);
      }
    });
  } catch (const Error& error) {
    return {Observation::Phase::kUnreachable, error.place() + ": " + error.message(), error.hint(),
            0};
  }
  const auto first = std::ranges::find_if(ended, [](const auto& why) { return !why.empty(); });
  if (first == ended.end()) return {Observation::Phase::kRunning, {}, {}, 0};
  const bool all = std::ranges::none_of(ended, [](const auto& why) { return why.empty(); });
  return {.phase = all ? Observation::Phase::kEnded : Observation::Phase::kRunning,
          .reason = *first,
          .first_ended = !all && !ended.front().empty()};
}

void Ssh::cancel(const Spec& spec, const Json& engine) const {
  const Hosts hosts(spec);
  const std::vector<ProcessIdentity> processes = processes_of(engine, hosts);
  hosts.each([&](const Hosts::One& host, std::size_t) {
    for (const ProcessIdentity& process : of_host(processes, host)) {
      host.connection.ask(stop_script(process));
    }
  });
}

std::string Ssh::engine_log(const Spec& spec, const Json&, int lines) const {
  const Hosts hosts(spec);
  std::vector<std::string> logs(hosts.of_workers().size());
  hosts.each([&](const Hosts::One& host, std::size_t) {
    for (const int rank : host.ranks) {
      logs[static_cast<std::size_t>(rank)] =
          host.connection.ask(errors_script(folder_on_hosts(spec), rank, lines));
    }
  });
  if (logs.size() == 1) return logs.front();
  std::string text;
  for (std::size_t rank = 0; rank < logs.size(); ++rank) {
    if (!logs[rank].empty()) text += fmt::format("worker {}:\n{}", rank, logs[rank]);
  }
  return text;
}

}  // namespace
}  // namespace oko::jobs::ssh

namespace oko::jobs {

const Backend& ssh_backend() {
  static const ssh::Ssh backend;
  return backend;
}

}  // namespace oko::jobs
