#include "oko/jobs/backend.h"

#include <array>
#include <optional>

#include "oko/jobs/registry.h"
#include "oko/jobs/shell.h"
#include "oko/jobs/slurm/commands.h"
#include "oko/jobs/slurm/install.h"
#include "oko/jobs/slurm/reasons.h"
#include "oko/jobs/ssh/connection.h"
#include "oko/jobs/ssh/folder.h"
#include "oko/jobs/ssh/install.h"
#include "oko/jobs/ssh/machine.h"
#include "oko/jobs/ssh/place.h"
#include "oko/jobs/ssh/tar_stream.h"
#include "oko/storage/store.h"

// Jobs of a Slurm cluster, submitted on one of its login nodes: an sbatch script that starts a
// supervisor on every node.
namespace oko::jobs {
namespace {

using Phase = Observation::Phase;

constexpr std::array kSettings = {
    Setting{"login", "USER@HOST", "Login node, reached by SSH, of a cluster that is not this one"},
    Setting{"identity", "FILE", "Private key to log in with (default: ssh's own choice)"},
    Setting{"remote-folder", "FOLDER", "Folder for oko on the cluster (default: .oko)"},
    Setting{"partition", "NAME", "Partition (default: the cluster's)"},
    Setting{"account", "NAME", "Account that is charged"},
    Setting{"qos", "NAME", "Quality of service"},
    Setting{"constraint", "FEATURES", "Features that the nodes must have"},
    Setting{"nodes", "N", "Nodes that the workers share equally (default: one per worker)"},
    Setting{"cpu", "N", "CPUs per worker"},
    Setting{"memory", "SIZE", "Memory per worker, for example 16G"},
    Setting{"setup", "COMMAND", "Shell command to run first, for example \"module load cuda\""},
    Setting{"program", "PATH", "Path of oko on the nodes, instead of this one or a copy of it"},
    Setting{"sbatch", "OPTIONS", "More options for sbatch, for example --reservation=course"}};

constexpr const char* kLog = "slurm.log";
// On the cluster's disk, besides the inputs: checkpoints, models, logs; oko with its libraries.
constexpr std::uint64_t kRoomForJob = 1'200'000'000;

// The login node by which the cluster is reached; nothing if this machine is one.
std::optional<ssh::Host> login_of(const Spec& spec) {
  const std::string name = spec.setting("login");
  if (name.empty()) return std::nullopt;
  try {
    const std::vector<ssh::Host> hosts = ssh::parse_hosts(name);
    if (hosts.size() == 1) return hosts.front();
  } catch (const Error& error) {
    throw Error(ErrorCode::kUsage, "--login", error.message(), "for example me@login.cluster.edu");
  }
  throw Error(ErrorCode::kUsage, "--login", "names several hosts", "name one of them");
}

std::optional<ssh::Connection> connection_to(const Spec& spec) {
  const auto host = login_of(spec);
  if (!host) return std::nullopt;
  return ssh::Connection(*host, spec.setting("identity"));
}

slurm::Commands commands_for(const Spec& spec) { return slurm::Commands(connection_to(spec)); }

// Of --program, for a cluster that is reached by SSH: empty for a copy of this oko.
std::string program_there(const Spec& spec) {
  const std::string program = spec.setting("program");
  return program == "bundle" ? "" : program;
}

std::string program_of(const Spec& spec) {
  return login_of(spec) ? ssh::program_on_hosts(program_there(spec), ssh::remote_folder(spec))
                        : slurm::program_on_nodes(spec.setting("program"));
}

// Where Slurm writes what the script and the workers print: on a disk that all nodes see.
std::string log_folder(const Spec& spec) {
  if (login_of(spec)) return ssh::folder_on_hosts(spec);
  return storage::is_local(spec.folder) ? storage::Uri(spec.folder).path()
                                        : registry_folder(spec.id);
}

slurm::Request request_for(const Spec& spec, const slurm::Fit& fit) {
  return slurm::request_of(spec, fit, program_of(spec), storage::join(log_folder(spec), kLog));
}

// Before anything is copied there.
void check_login(const Spec& spec, const ssh::Connection& login) {
  ssh::check_folder(spec);
  const std::string name = login.host().text();
  ssh::Needs needs;
  needs.same_processor = program_there(spec).empty();
  needs.bytes = kRoomForJob;
  if (!ssh::is_in_bucket(spec)) {
    for (const Input& input : spec.inputs) {
      if (storage::exists(input.from)) needs.bytes += ssh::bytes_of(input.from);
    }
  }
  const std::string answer = login.ask(ssh::machine_script(ssh::folder_on_hosts(spec)));
  ssh::check_machine(ssh::parse_machine(answer, name), name, needs);
  if (!program_there(spec).empty()) ssh::check_program(login, program_there(spec));
}

std::int64_t number_of(const Json& engine) {
  return json_get<std::int64_t>(engine, "job", std::string(kEngineFile));
}

class SlurmBackend final : public Backend {
 public:
  std::string_view name() const override { return "slurm"; }
  std::string_view about() const override {
    return "a Slurm cluster, from or by one of its login nodes";
  }
  std::span<const Setting> settings() const override { return kSettings; }
  bool sees_this_disk(const Spec& spec) const override { return !login_of(spec); }

  std::string default_folder(const Spec& spec, const std::string& registry) const override {
    return login_of(spec) ? ssh::default_folder(spec) : storage::join(registry, spec.id);
  }
  std::unique_ptr<Folder> folder(const Spec& spec) const override {
    const auto host = login_of(spec);
    if (!host || ssh::is_in_bucket(spec)) return open_folder(spec.folder);
    return ssh::open_remote_folder({*host}, spec.setting("identity"), ssh::folder_on_hosts(spec));
  }

  void check(const Spec& spec) const override {
    refuse_what_has_no_effect(spec, {"--spot", "--machine", "--region"});
    slurm::check_settings(spec);
    if (log_folder(spec).find('\\') != std::string::npos) {
      throw Error(ErrorCode::kUsage, log_folder(spec), "Slurm cannot write to a path with '\\'",
                  "choose another --job-dir");
    }
    const auto login = connection_to(spec);
    if (!login) {
      for (const char* const name : {"identity", "remote-folder"}) {
        if (spec.setting(name).empty()) continue;
        throw Error(ErrorCode::kUsage, std::string("--") + name, "has no effect without --login",
                    "omit it");
      }
    }
    slurm::fit(spec, commands_for(spec).ask_cluster());
    if (login) check_login(spec, *login);
  }

  std::string preview(const Spec& spec) const override {
    slurm::check_settings(spec);
    const slurm::Fit fit = slurm::fit(spec, commands_for(spec).ask_cluster());
    const slurm::Request request = request_for(spec, fit);
    const auto host = login_of(spec);
    return (host ? "# on " + host->text() + "\n" : "") + shell_command(request.words) +
           " <<'END'\n" + request.script + "END\n";
  }

  Json submit(const Spec& spec, Folder&, Progress& progress) const override {
    if (spec.resources.gpus > 0 && spec.setting("cpu").empty()) {
      progress.line("most clusters give a worker one CPU: --cpu 8 keeps a GPU busy");
    }
    if (const auto login = connection_to(spec)) {
      ssh::install_program(std::array{*login}, program_there(spec), ssh::remote_folder(spec),
                           progress);
      login->ask("mkdir -p " + shell_word(log_folder(spec)));
    } else {
      slurm::install_program(spec.setting("program"), progress);
    }
    const slurm::Commands commands = commands_for(spec);
    const slurm::Fit fit = slurm::fit(spec, commands.ask_cluster());
    return {{"job", commands.submit(request_for(spec, fit))}};
  }

  Observation observe(const Spec& spec, const Json& engine) const override {
    try {
      const auto job = commands_for(spec).ask_job(number_of(engine));
      return job ? slurm::observation_of(*job) : Observation{.phase = Phase::kGone};
    } catch (const Error& error) {
      return {.phase = Phase::kUnreachable,
              .reason = error.place() + ": " + error.message(),
              .hint = error.hint()};
    }
  }

  void cancel(const Spec& spec, const Json& engine) const override {
    commands_for(spec).cancel(number_of(engine));
  }

  std::string engine_log(const Spec& spec, const Json&, int lines) const override {
    const auto host = login_of(spec);
    const auto folder =
        host ? ssh::open_remote_folder({*host}, spec.setting("identity"), log_folder(spec))
             : open_folder(log_folder(spec));
    return last_lines(*folder, kLog, lines);
  }
};

}  // namespace

const Backend& slurm_backend() {
  static const SlurmBackend backend;
  return backend;
}

}  // namespace oko::jobs
